package tokenizer

import (
	"fmt"
	"strings"
	"testing"
)

// A name that is missing is guessed by tokens that one family has, or by the split that cuts
// the fewest tokens, and the guess is said.
func TestGuessOfASplit(t *testing.T) {
	withTokens := func(tokens ...string) Vocab {
		v := byteVocab(t, "")
		for _, token := range tokens {
			v.Tokens, v.Types = append(v.Tokens, token), append(v.Types, typeControl)
		}
		return v
	}
	// Words of one, two and three digits, and ones with a mark before letters.
	made := func(words ...string) Vocab {
		v := Vocab{Model: "gpt2", BOS: -1, EOS: -1, UNK: -1, PAD: -1}
		for b := range 256 {
			v.Tokens = append(v.Tokens, string(byteRunes[b]))
		}
		for i := range 200 {
			v.Tokens = append(v.Tokens, encodeByteRunes(fmt.Sprintf(" w%c%c", 'a'+i/26, 'a'+i%26)))
		}
		for _, w := range words {
			v.Tokens = append(v.Tokens, encodeByteRunes(w))
		}
		return v
	}
	several := func(format string) (words []string) {
		for i := range 100 {
			words = append(words, fmt.Sprintf(format, i))
		}
		return words
	}
	marks := func() (words []string) {
		for i := range 26 {
			words = append(words, "."+string(rune('a'+i))+"x", "("+string(rune('a'+i))+"x")
		}
		return words
	}
	for _, c := range []struct {
		name string
		v    Vocab
		want string
		why  string
	}{
		{"Llama's tokens", withTokens("<|begin_of_text|>", "<|eot_id|>"), "llama-bpe", "holds the token <|begin_of_text|>"},
		{"Qwen's tokens", withTokens("<|im_start|>", "<|endoftext|>"), "qwen2", "holds the token <|im_start|>"},
		{"nothing", byteVocab(t, ""), "gpt-2", "nothing in the vocabulary speaks for it"},
		{"long numbers", made(several("2%03d")...), "gpt-2", "cuts the fewest"},
		{"three digits and marks", made(append(several("1%02d"), marks()...)...), "llama-bpe", "cuts the fewest"},
		{"marks", made(marks()...), "qwen2", "cuts the fewest"},
		{"no numbers", made(), "smollm", "cuts the fewest"},
	} {
		tok, err := FromVocab(c.v)
		if err != nil {
			t.Fatal(c.name, err)
		}
		notes := fmt.Sprint(tok.Notes())
		if tok.pre != c.want || !strings.Contains(notes, "taken for "+c.want) || !strings.Contains(notes, c.why) {
			t.Errorf("%s: taken for %s, want %s: %s", c.name, tok.pre, c.want, notes)
		}
	}
	tok, err := FromVocab(byteVocab(t, "llama-bpe"))
	if err != nil || len(tok.Notes()) > 0 {
		t.Errorf("a name that is there: %v, %v", tok.Notes(), err)
	}
}
