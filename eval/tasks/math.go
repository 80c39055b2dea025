package tasks

import (
	"strings"
	"unicode/utf8"

	"trit/eval/internal/python"
)

// mathEqual reports whether two answers have the same spelling by the rules of the MATH data
// set's authors (hendrycks_math of the harness). If their code fails on one of the answers, both
// are compared as they are.
func mathEqual(a, b string) bool {
	x, okA := mathSpelling(a)
	y, okB := mathSpelling(b)
	if !okA || !okB {
		return a == b
	}
	return x == y
}

// betweenDollars is the text between the first and the last dollar sign, or all of it.
func betweenDollars(text string) string {
	first, last := strings.Index(text, "$"), strings.LastIndex(text, "$")
	if first == last {
		return text
	}
	return text[first+1 : last]
}

// lastBoxed is the last \boxed{...} or \fbox{...} of a solution, or "\boxed x" up to the
// next dollar sign.
func lastBoxed(s string) (string, bool) {
	if i := strings.LastIndex(s, `\boxed `); i >= 0 {
		rest, _, _ := strings.Cut(s[i+len(`\boxed `):], "$")
		return `\boxed ` + rest, true
	}
	start := strings.LastIndex(s, `\boxed`)
	if start < 0 {
		start = strings.LastIndex(s, `\fbox`)
	}
	if start < 0 {
		return "", false
	}
	depth := 0
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[start : i+1], true
			}
		}
	}
	return "", false
}

// unboxed removes \boxed and its braces, and reports whether they were there.
func unboxed(s string) (string, bool) {
	if rest, ok := strings.CutPrefix(s, `\boxed `); ok {
		return rest, true
	}
	rest, ok := strings.CutPrefix(s, `\boxed{`)
	if !ok || !strings.HasSuffix(rest, "}") {
		return "", false
	}
	return strings.TrimSuffix(rest, "}"), true
}

// Replacements in their order, before units are removed and after.
var (
	beforeUnits = [][2]string{
		{"\n", ""}, {`\!`, ""}, {`\\`, `\`}, {"tfrac", "frac"}, {"dfrac", "frac"},
		{`\left`, ""}, {`\right`, ""}, {`^{\circ}`, ""}, {`^\circ`, ""}, {`\$`, ""},
	}
	afterUnits = [][2]string{{`\%`, ""}, {" .", " 0."}, {"{.", "{0."}}
)

func replaceAll(s string, replacements [][2]string) string {
	for _, r := range replacements {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return s
}

// mathSpelling returns the normal spelling of an answer. It returns false if the authors' code
// fails on the answer.
func mathSpelling(s string) (string, bool) {
	s, ok := withoutUnits(replaceAll(s, beforeUnits))
	if !ok {
		return "", false
	}
	if s = replaceAll(s, afterUnits); s == "" {
		return s, true
	}
	if s[0] == '.' {
		s = "0" + s
	}
	if left, right, one := cutOnce(s, "="); one && utf8.RuneCountInString(left) <= 2 {
		s = right
	}
	if s, ok = bracedRoots(s); !ok {
		return "", false
	}
	if s, ok = bracedFractions(strings.ReplaceAll(s, " ", "")); !ok {
		return "", false
	}
	if s == "0.5" {
		s = `\frac{1}{2}`
	}
	return slashFraction(s)
}

// cutOnce cuts at a mark, and reports whether it occurs exactly once.
func cutOnce(s, mark string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(s, mark)
	return left, right, ok && !strings.Contains(right, mark)
}

// withoutUnits drops "\text{ units}" at the end.
func withoutUnits(s string) (string, bool) {
	const mark = `\text{ `
	if !strings.Contains(s, mark) {
		return s, true
	}
	left, _, ok := cutOnce(s, mark)
	return left, ok
}

// bracedRoots puts braces around the one character after \sqrt.
func bracedRoots(s string) (string, bool) {
	parts := strings.Split(s, `\sqrt`)
	for i, p := range parts[1:] {
		if p == "" {
			return "", false
		}
		if rest, first := python.FirstRune(p); first != "{" {
			parts[i+1] = "{" + first + "}" + rest
		}
	}
	return strings.Join(parts, `\sqrt`), true
}

// bracedFractions puts braces around numerator and denominator of one character each. If a
// single character follows some \frac, the text stays as it is.
func bracedFractions(s string) (string, bool) {
	parts := strings.Split(s, `\frac`)
	for i, p := range parts[1:] {
		if p == "" {
			return "", false
		}
		rest, a := python.FirstRune(p)
		if a == "{" {
			continue
		}
		if rest == "" {
			return s, true
		}
		rest, b := python.FirstRune(rest)
		if b != "{" {
			b = "{" + b + "}"
		}
		parts[i+1] = "{" + a + "}" + b + rest
	}
	return strings.Join(parts, `\frac`), true
}

// slashFraction writes a/b of two integers as a fraction.
func slashFraction(s string) (string, bool) {
	a, b, ok := cutOnce(s, "/")
	if !ok {
		return s, true
	}
	if !python.Int(a) || !python.Int(b) {
		return "", false
	}
	if !plainInt(a) || !plainInt(b) {
		return s, true
	}
	return `\frac{` + a + "}{" + b + "}", true
}

// plainInt reports whether an integer is written as Python prints it.
func plainInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' || s == "-0" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}
