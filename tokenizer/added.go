package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// matcher finds added tokens in text, the longest at the leftmost position.
type matcher struct {
	byFirst [256][]addedToken // by first byte, longest first
	any     bool
}

func newMatcher(tokens []addedToken) matcher {
	var m matcher
	for _, a := range tokens {
		if a.Content != "" {
			m.byFirst[a.Content[0]] = append(m.byFirst[a.Content[0]], a)
			m.any = true
		}
	}
	for _, list := range m.byFirst {
		slices.SortStableFunc(list, func(a, b addedToken) int { return len(b.Content) - len(a.Content) })
	}
	return m
}

// split calls text for each part of s between added tokens, and token for each added token, in
// their order. end is the position in s at which the token's part ends.
func (m *matcher) split(s string, text func(string), token func(id int32, end int)) {
	start := 0
	if m.any {
		for i := 0; i < len(s); {
			a, ok := m.at(s, i)
			if !ok {
				i++
				continue
			}
			lo, hi := i, i+len(a.Content)
			if a.LStrip {
				lo = start + len(strings.TrimRightFunc(s[start:lo], unicode.IsSpace))
			}
			if a.RStrip {
				hi = len(s) - len(strings.TrimLeftFunc(s[hi:], unicode.IsSpace))
			}
			if lo > start {
				text(s[start:lo])
			}
			token(a.ID, hi)
			start, i = hi, hi
		}
	}
	if start < len(s) {
		text(s[start:])
	}
}

func (m *matcher) at(s string, i int) (addedToken, bool) {
	for _, a := range m.byFirst[s[i]] {
		if strings.HasPrefix(s[i:], a.Content) && (!a.SingleWord || wordBoundary(s, i) && wordBoundary(s, i+len(a.Content))) {
			return a, true
		}
	}
	return addedToken{}, false
}

// wordBoundary reports whether byte i of s is not inside a word.
func wordBoundary(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i:])
	return i == 0 || i == len(s) || !isWordRune(before) || !isWordRune(after)
}

func isWordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.M, r)
}
