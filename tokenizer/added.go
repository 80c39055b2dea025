package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
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

// addConfigTokens enters the added_tokens_decoder of a tokenizer_config.json, as transformers
// does: tokens that tokenizer.json lacks are added, and the flags of others are set, but one
// that is special stays so. It returns the tokenizer.json with them.
func (f *tokenizerFile) addConfigTokens(file, config []byte) ([]byte, error) {
	var c struct {
		Tokens map[int32]addedToken `json:"added_tokens_decoder"`
	}
	if config == nil {
		return file, nil
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &FormatError{configFileName, "added_tokens_decoder", err.Error()}
	}
	if len(c.Tokens) > maxAdded {
		return nil, &FormatError{configFileName, "added_tokens_decoder",
			fmt.Sprintf("%d tokens: want at most %d", len(c.Tokens), maxAdded)}
	}
	at, changed := make(map[int32]int, len(f.AddedTokens)), false
	for i, a := range f.AddedTokens {
		at[a.ID] = i
	}
	for _, id := range slices.Sorted(maps.Keys(c.Tokens)) {
		a := c.Tokens[id]
		a.ID = id
		i, known := at[id]
		if !known || f.AddedTokens[i].Content != a.Content {
			f.AddedTokens, changed = append(f.AddedTokens, a), true // addTokens refuses one of another name
			continue
		}
		a.Special = a.Special || f.AddedTokens[i].Special
		changed = changed || f.AddedTokens[i] != a
		f.AddedTokens[i] = a
	}
	var keys map[string]json.RawMessage
	if !changed || json.Unmarshal(file, &keys) != nil {
		return file, nil
	}
	content := object{}
	for key, value := range keys {
		content[key] = value
	}
	content["added_tokens"] = f.AddedTokens
	return encodeJSON(content)
}
