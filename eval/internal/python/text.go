// Package python does what Python's str, repr, int, json, re and random do, so that prompts,
// hashes and scores are those of lm-evaluation-harness, which is written in Python.
package python

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Space reports whether a character is a space to str.isspace and to \s in Python's regular
// expressions: Unicode's white space and the four separators of ASCII.
func Space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// SpaceClass is the characters of Space, for the brackets of a regular expression of Go, whose \s
// is ASCII alone.
const SpaceClass = `\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`

// Strip is str.strip.
func Strip(s string) string { return strings.TrimFunc(s, Space) }

// Lower is str.lower, which knows the sigma at the end of a word.
func Lower(s string) string { return cases.Lower(language.Und).String(s) }

// Upper is str.upper.
func Upper(s string) string { return cases.Upper(language.Und).String(s) }

// Capitalize is str.capitalize: the first letter as in titles, the rest in lower case.
func Capitalize(s string) string {
	_, first := FirstRune(s)
	return cases.Title(language.Und).String(first) + Lower(s)[len(Lower(first)):]
}

// FirstRune splits off the first character.
func FirstRune(s string) (rest, first string) {
	_, n := utf8.DecodeRuneInString(s)
	return s[n:], s[:n]
}

// CountWords is len(re.split(r"\s+", text)): empty strings at the ends count.
func CountWords(text string) int {
	n, inSpace := 1, false
	for _, r := range text {
		space := Space(r)
		if space && !inSpace {
			n++
		}
		inSpace = space
	}
	return n
}

// Quote writes a string as json.dumps does with ensure_ascii=False.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		default:
			if r < 0x20 {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}
