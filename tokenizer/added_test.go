package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// TestAddedTokensDecoder enters tokens of a tokenizer_config.json as transformers does.
func TestAddedTokensDecoder(t *testing.T) {
	const file = `{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "<": 2, "x": 3, ">": 4, " ": 5}, "merges": []},
		"added_tokens": [{"id": 6, "content": "<a>", "special": true}, {"id": 7, "content": "<b>"}]}`
	for _, c := range []struct {
		decoder, text string
		want          []int32
	}{
		{``, "<a> <x>", []int32{6, 5, 2, 3, 4}},
		{`"8": {"content": "<x>"}`, "<a> <x>", []int32{6, 5, 8}},
		{`"6": {"content": "<a>", "rstrip": true}`, "<a>  b", []int32{6, 1}},
		{`"3": {"content": "x", "lstrip": true}`, "a x", []int32{0, 3}},
	} {
		tok, err := Parse([]byte(file), []byte(`{"added_tokens_decoder": {`+c.decoder+`}}`))
		if err != nil {
			t.Fatalf("%s: %v", c.decoder, err)
		}
		if got := tok.Encode(c.text, false); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q is %v, want %v", c.decoder, c.text, got, c.want)
		}
		if !tok.added[6].Special {
			t.Errorf("%s: the token is special no more", c.decoder)
		}
		again, err := Parse(tok.source[jsonFile], nil)
		if err != nil || !slices.Equal(again.Encode(c.text, false), c.want) {
			t.Errorf("%s: without the tokenizer_config.json: %v, %v", c.decoder, again.Encode(c.text, false), err)
		}
	}
	for decoder, want := range map[string]string{
		`"7": {"content": "<x>"}`: `tokens "<b>" and "<x>" both have id 7`, `"9": {"content": "<a>"}`: `token "<a>" has id`,
		`"2": {"content": "y"}`: `tokens "<" and "y" both have id 2`, `"x": {"content": "y"}`: "added_tokens_decoder",
	} {
		_, err := Parse([]byte(file), []byte(`{"added_tokens_decoder": {`+decoder+`}}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", decoder, err, want)
		}
	}
}
