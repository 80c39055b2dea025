package eval

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// pySpace is what Python's str.isspace and the \s of its regular expressions hold for
// blank: Unicode's white space and the four separators of ASCII.
func pySpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// pySpaceClass is pySpace inside the brackets of a regular expression of Go, whose \s
// is ASCII alone.
const pySpaceClass = `\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`

func pyStrip(s string) string { return strings.TrimFunc(s, pySpace) }

// pyLower is str.lower, which knows the sigma at the end of a word.
func pyLower(s string) string { return cases.Lower(language.Und).String(s) }

// pyCapitalize is str.capitalize: the first letter as in titles, the rest small.
func pyCapitalize(s string) string {
	_, first := firstRune(s)
	return cases.Title(language.Und).String(first) + pyLower(s)[len(pyLower(first)):]
}

// firstRune splits off the first character.
func firstRune(s string) (rest, first string) {
	_, n := utf8.DecodeRuneInString(s)
	return s[n:], s[:n]
}

// countWords is len(re.split(r"\s+", text)): empty strings at the ends count.
func countWords(text string) int {
	n, blank := 1, false
	for _, r := range text {
		space := pySpace(r)
		if space && !blank {
			n++
		}
		blank = space
	}
	return n
}

// pyFloat is repr of a float: the shortest digits that read back as the same number,
// with an exponent below 1e-4 and from 1e16 on.
func pyFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'g', -1, 64)), "+")
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// pyBool is str of a bool.
func pyBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// pyInt tells whether int(s) takes the text, which it does with blanks around it, a
// sign, and single underscores between digits.
func pyInt(s string) bool {
	s = pyStrip(s)
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	digits := strings.Split(s, "_")
	for _, d := range digits {
		if d == "" || strings.ContainsFunc(d, func(r rune) bool { return !unicode.IsDigit(r) }) {
			return false
		}
	}
	return true
}
