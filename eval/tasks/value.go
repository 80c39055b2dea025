package tasks

import (
	"math/big"
	"regexp"
	"strings"
)

// This file compares mathematical answers by value. A number is one of these, and exact:
// integers and decimals with commas between thousands, fractions (a/b, \frac{a}{b}), mixed
// numbers (2\frac{1}{2}, 2 1/2), integer powers (2^{10}) and a \times 10^n. Units, currency
// signs, signs of degrees and LaTeX that only changes the looks do not matter. p% equals p, as
// in the harness, and p/100. Other answers are compared by their spelling, lists element by
// element.

// maxNumberLength bounds what is taken for a number, and maxPower its powers.
const (
	maxNumberLength = 200
	maxPower        = 64
)

// sameValue reports whether two answers are the same: by the rules of the MATH data set's
// authors, or by value.
func sameValue(a, b string) bool { return mathEqual(a, b) || sameAt(a, b, 3) }

// sameAt is sameValue for lists of up to a depth.
func sameAt(a, b string, depth int) bool {
	a, b = plainMath(a), plainMath(b)
	x, percentA, okA := number(a)
	y, percentB, okB := number(b)
	if okA && okB {
		return x.Cmp(y) == 0 || percentA != percentB && sameShare(x, y, percentA)
	}
	if okA != okB {
		return false
	}
	if first, second := elements(a), elements(b); depth > 0 && len(first) > 1 && len(first) == len(second) {
		for i := range first {
			if !sameAt(first[i], second[i], depth-1) {
				return false
			}
		}
		return around(a) == around(b)
	}
	a, b = strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", "")
	return a != "" && (mathEqual(a, b) || words.MatchString(a) && strings.EqualFold(a, b))
}

var words = regexp.MustCompile(`^\pL{2,}$`)

// sameShare compares a percentage with a number.
func sameShare(x, y *big.Rat, percentX bool) bool {
	hundredth := big.NewRat(1, 100)
	if percentX {
		x = new(big.Rat).Mul(x, hundredth)
	} else {
		y = new(big.Rat).Mul(y, hundredth)
	}
	return x.Cmp(y) == 0
}

// around is the brackets of a list, "" for none and for those of a set.
func around(s string) string {
	first, last := s[:1], s[len(s)-1:]
	if strings.Contains("([", first) && strings.Contains(")]", last) {
		return first + last
	}
	return ""
}

func isBracket(b byte) bool { return strings.IndexByte("([{", b) >= 0 }

// elements are the parts of a list, in brackets or not.
func elements(s string) (parts []string) {
	s = strings.NewReplacer(`\{`, "{", `\}`, "}").Replace(s)
	if n := len(s); n > 1 && isBracket(s[0]) && strings.IndexByte(")]}", s[n-1]) >= 0 {
		s = s[1 : n-1]
	}
	depth, from := 0, 0
	for i := range len(s) {
		switch {
		case isBracket(s[i]):
			depth++
		case strings.IndexByte(")]}", s[i]) >= 0:
			depth--
		case s[i] == ',' && depth == 0:
			parts, from = append(parts, strings.TrimSpace(s[from:i])), i+1
		}
	}
	return append(parts, strings.TrimSpace(s[from:]))
}

var (
	looks = strings.NewReplacer(
		`\$`, "", "$", "", `\(`, "", `\)`, "", `\[`, "", `\]`, "", "€", "", "£", "", "\n", " ", "~", " ", `\ `, " ",
		`\,`, "", `\;`, "", `\:`, "", `\!`, "", "{,}", ",", `\left`, "", `\right`, "", `\displaystyle`, "",
		`\dfrac`, `\frac`, `\tfrac`, `\frac`, `\cfrac`, `\frac`, `\%`, "%", `\percent`, "%",
		`^{\circ}`, "", `^\circ`, "", `\degree`, "", "°", "", "−", "-", "–", "-",
		"×", `\times `, `\cdot`, `\times `, "½", `\frac{1}{2}`,
	)
	styled = regexp.MustCompile(`\\(?:text|textbf|textit|mathrm|mathbf|mbox|textrm|operatorname)\s*\{([^{}]*)\}`)
	// assignment is a short name before the answer, such as "x =".
	assignment = regexp.MustCompile(`^(?:\\?[A-Za-z]{1,6}(?:_\{?\w\}?)?|[A-Za-z]\([A-Za-z]\))\s*=\s*([^=]+)$`)
	// unit is words after a number. A single letter, or two, may be variables.
	unit = regexp.MustCompile(`^(.*[\d}])(?:\s+[A-Za-z]{3,}|\s*(?:cm|mm|km|kg|mg|mi|ml|in|ft|yd|oz|lbs?|mph|` +
		`inch(?:es)?|cents?|dollars?|degrees?|units?)|\s+[mgsh])(?:[ /]+[A-Za-z]+)*(?:\s?\^\s?\{?\d\}?)?$`)
	choice      = regexp.MustCompile(`^\(([A-Z])\)$`)
	percentWord = regexp.MustCompile(` ?percent$`)
)

// plainMath takes off what does not change an answer.
func plainMath(s string) string {
	s = looks.Replace(s)
	s = styled.ReplaceAllString(s, " $1 ")
	s = strings.Join(strings.Fields(s), " ")
	s = strings.TrimRight(s, ". ")
	if m := assignment.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	s = percentWord.ReplaceAllString(s, "%")
	for len(s) <= maxNumberLength {
		m := unit.FindStringSubmatch(s)
		if m == nil {
			break
		}
		s = strings.TrimSpace(m[1])
	}
	return choice.ReplaceAllString(s, "$1")
}

// number is the value of an answer that plainMath has gone through. percent reports whether
// it is a percentage, whose value is that of its digits.
func number(s string) (value *big.Rat, percent, ok bool) {
	s, percent = strings.CutSuffix(s, "%")
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxNumberLength {
		return nil, false, false
	}
	p := &numberParser{s}
	value, ok = p.signed()
	return value, percent, ok && p.rest == ""
}

// numberParser reads a number from the beginning of rest.
type numberParser struct{ rest string }

func (p *numberParser) skip(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = strings.TrimLeft(rest, " ")
	}
	return ok
}

func (p *numberParser) signed() (*big.Rat, bool) {
	negative := p.skip("-")
	if !negative {
		p.skip("+")
	}
	v, ok := p.product()
	if ok && negative {
		v.Neg(v)
	}
	return v, ok
}

// product is a number, or one times a power.
func (p *numberParser) product() (*big.Rat, bool) {
	v, ok := p.mixed()
	if !ok || !p.skip(`\times`) {
		return v, ok
	}
	base, ok := p.digits()
	if !ok || !strings.HasPrefix(p.rest, "^") {
		return nil, false
	}
	factor, ok := p.power(base)
	if !ok {
		return nil, false
	}
	return v.Mul(v, factor), true
}

// mixed is a fraction, a number, a/b, or a whole number and a fraction.
func (p *numberParser) mixed() (*big.Rat, bool) {
	if strings.HasPrefix(p.rest, `\frac`) {
		return p.fraction()
	}
	v, ok := p.digits()
	if !ok {
		return nil, false
	}
	switch {
	case p.skip("/"):
		d, ok := p.digits()
		return quotient(v, d, ok)
	case strings.HasPrefix(p.rest, "^"):
		return p.power(v)
	case strings.HasPrefix(p.rest, `\frac`) && v.IsInt():
		f, ok := p.fraction()
		return sum(v, f, ok)
	case v.IsInt() && slashed.MatchString(p.rest):
		f, ok := p.mixed()
		return sum(v, f, ok)
	}
	return v, true
}

var slashed = regexp.MustCompile(`^\d+ ?/ ?\d+$`)

func sum(a, b *big.Rat, ok bool) (*big.Rat, bool) {
	if !ok {
		return nil, false
	}
	return a.Add(a, b), true
}

func quotient(a, b *big.Rat, ok bool) (*big.Rat, bool) {
	if !ok || b.Sign() == 0 {
		return nil, false
	}
	return a.Quo(a, b), true
}

// fraction is \frac with numerator and denominator in braces, or of one digit each.
func (p *numberParser) fraction() (*big.Rat, bool) {
	p.skip(`\frac`)
	a, ok := p.argument()
	if !ok {
		return nil, false
	}
	b, ok := p.argument()
	return quotient(a, b, ok)
}

func (p *numberParser) argument() (*big.Rat, bool) {
	if p.skip("{") {
		v, ok := p.signed()
		return v, ok && p.skip("}")
	}
	if p.rest == "" || p.rest[0] < '0' || p.rest[0] > '9' {
		return nil, false
	}
	v := big.NewRat(int64(p.rest[0]-'0'), 1)
	p.rest = strings.TrimLeft(p.rest[1:], " ")
	return v, true
}

// power raises a number to the integer after ^.
func (p *numberParser) power(base *big.Rat) (*big.Rat, bool) {
	p.skip("^")
	exponent, ok := new(big.Rat), false
	if p.skip("{") {
		exponent, ok = p.signed()
		ok = ok && p.skip("}")
	} else {
		exponent, ok = p.argument()
	}
	if !ok || !exponent.IsInt() || exponent.Num().CmpAbs(big.NewInt(maxPower)) > 0 {
		return nil, false
	}
	n, v := exponent.Num().Int64(), big.NewRat(1, 1)
	for range max(n, -n) {
		v.Mul(v, base)
	}
	if n < 0 {
		return quotient(big.NewRat(1, 1), v, true)
	}
	return v, true
}

var decimal = regexp.MustCompile(`^(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)`)

// digits is a number without a sign. Commas stand between thousands only.
func (p *numberParser) digits() (*big.Rat, bool) {
	text := decimal.FindString(p.rest)
	rest := p.rest[len(text):]
	if text == "" || rest != "" && (rest[0] == ',' || rest[0] >= '0' && rest[0] <= '9') {
		return nil, false
	}
	p.rest = strings.TrimLeft(rest, " ")
	return new(big.Rat).SetString(strings.TrimSuffix(strings.ReplaceAll(text, ",", ""), "."))
}

// Last numbers in texts.
var (
	thousands = strings.NewReplacer("{,}", ",", `\,`, "", `\!`, "")
	inText    = regexp.MustCompile(`\\[dtc]?frac\s*\{\d+\}\s*\{\d+\}|\d+ \d+/\d+\b|\d+/\d+\b|` +
		`\d{1,3}(?:,\d{3})+\b(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+`)
	signBefore = regexp.MustCompile(`(?:^|[^\pL\d)\]}])[-−](?:\\?\$|€|£)?$`)
	// factors are words after a number that multiply it.
	factors = regexp.MustCompile(`^\s+(thousand|million|billion)\b`)
	sizes   = map[string]int64{"thousand": 1e3, "million": 1e6, "billion": 1e9}
)

// lastNumber is the last number of a text, whatever unit or currency it has, without commas
// between thousands.
func lastNumber(text string) (string, bool) {
	text = thousands.Replace(text)
	all := inText.FindAllStringIndex(text, -1)
	if all == nil {
		return "", false
	}
	from, to := all[len(all)-1][0], all[len(all)-1][1]
	found := strings.ReplaceAll(text[from:to], ",", "")
	if signBefore.MatchString(text[max(0, from-8):from]) {
		found = "-" + found
	}
	if m := factors.FindStringSubmatch(text[to:]); m != nil {
		if v, _, ok := number(plainMath(found)); ok {
			return v.Mul(v, big.NewRat(sizes[m[1]], 1)).RatString(), true
		}
	}
	return found, true
}
