package tokenizer

import (
	"slices"
	"testing"
)

// Corners of the format, with the ids that version 0.22.2 of the Rust tokenizers gives.
func TestCornersOfTokenizerJSON(t *testing.T) {
	metaspace := func(scheme string) string {
		return `{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"` + scheme + `","split":false},
			"added_tokens":[{"id":5,"content":"<s>","special":true}],
			"model":{"type":"BPE","unk_token":"<u>","vocab":{"▁":0,"f":1,"o":2,"a":3,"<u>":4,"<s>":5}}}`
	}
	twice := `{"model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2,"ab":3,"bc":4},"merges":["a b","b c","a b"]}}`
	normalized := `{"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
		"added_tokens":[{"id":5,"content":"foo","normalized":true}],
		"model":{"type":"BPE","unk_token":"<u>","vocab":{"▁":0,"f":1,"o":2,"a":3,"<u>":4,"foo":5}}}`
	for _, c := range []struct {
		file, text string
		want       []int32
	}{
		{twice, "abc", []int32{0, 4}},
		{normalized, "foo", []int32{5}},
		{normalized, "a foo", []int32{0, 3, 5}},
		{normalized, "afoo a", []int32{0, 3, 1, 2, 2, 0, 3}},
		{metaspace("first"), "f<s>o a", []int32{0, 1, 5, 2, 0, 3}},
		{metaspace("always"), "f<s>o a", []int32{0, 1, 5, 0, 2, 0, 3}},
		{metaspace("never"), "f<s>o a", []int32{1, 5, 2, 0, 3}},
		{metaspace("first"), " f", []int32{0, 1}},
	} {
		tok, err := Parse([]byte(c.file), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode(c.text, false); !slices.Equal(got, c.want) {
			t.Errorf("%q by %.60s: got %v, want %v", c.text, c.file, got, c.want)
		}
	}
}

// Byte tokens that are not UTF-8 together become one replacement character each; Strip
// takes one space.
func TestDecodeOfBytes(t *testing.T) {
	tok, err := Parse([]byte(`{"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
		{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},"added_tokens":[{"id":4,"content":"<s>","special":true}],
		"model":{"type":"BPE","byte_fallback":true,"vocab":{"<0xE2>":0,"<0x96>":1,"a":2,"▁":3,"<s>":4,"<0x81>":5}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for ids, want := range map[[3]int32]string{{0, 1, 2}: "��a", {0, 2, 3}: "�a ", {3, 3, 2}: " a", {0, 1, 5}: "▁", {0, 4, 1}: "��"} {
		if got := tok.Decode(ids[:]); got != want {
			t.Errorf("%v: got %q, want %q", ids, got, want)
		}
	}
}

// Lowercase goes character by character: the dot of İ stays, and Σ at the end of a word is as any
// other. Added tokens that are normalized are found in the text in lower case.
func TestLowercaseIsRusts(t *testing.T) {
	tok, err := Parse([]byte(`{"normalizer":{"type":"Lowercase"},"added_tokens":[{"id":5,"content":"XY","normalized":true}],
		"model":{"type":"BPE","vocab":{"i":0,"\u0307":1,"σ":2,"a":3,"ς":4}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.Encode("İΣaΣxY", false), []int32{0, 1, 2, 3, 2, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The text of an added token is not spelled in GPT-2's alphabet, even where all its characters
// belong to it: Ö is no byte 0xf6 there.
func TestAddedTokensDecodeAsTheyAre(t *testing.T) {
	tok, err := Parse([]byte(`{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"},
		"added_tokens":[{"id":1,"content":"ilÖveyou"}],"model":{"type":"BPE","vocab":{"a":0}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode(tok.Encode("ailÖveyoua", false)); got != "ailÖveyoua" {
		t.Errorf("got %q", got)
	}
}
