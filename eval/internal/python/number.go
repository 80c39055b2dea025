package python

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Float is repr of a float: the shortest digits that read back as the same number, with an
// exponent below 1e-4 and from 1e16 on.
func Float(v float64) string {
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

// Bool is str of a bool.
func Bool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// Int reports whether int(s) accepts the text: digits, perhaps with spaces around them, a sign
// before them, and single underscores between them.
func Int(s string) bool {
	s = Strip(s)
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	for d := range strings.SplitSeq(s, "_") {
		if d == "" || strings.ContainsFunc(d, func(r rune) bool { return !unicode.IsDigit(r) }) {
			return false
		}
	}
	return true
}
