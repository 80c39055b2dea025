package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

const qwen2Folder = "../testdata/checkpoints/hf-qwen3-embedding/"

// The small tokenizer of the golden has Qwen's parts: NFC, its split, a token behind every
// text, and merges that reach across the borders of words. Vectors are of the Rust
// tokenizers, for the tokenizer.json; its GGUF form must give the same.
func TestQwen2Vectors(t *testing.T) {
	var vectors struct {
		Strings []string
		Rows    []struct {
			IDs  []int32
			Text string
		}
	}
	b, err := os.ReadFile(qwen2Folder + "tokenizer_vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &vectors)
	}
	if err != nil || len(vectors.Strings) < 100 || len(vectors.Rows) != len(vectors.Strings) {
		t.Fatalf("%d strings, %d rows, %v", len(vectors.Strings), len(vectors.Rows), err)
	}
	file, err := Load(qwen2Folder)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := FromVocab(file.Vocab())
	if err != nil {
		t.Fatal(err)
	}
	for name, tok := range map[string]*Tokenizer{"tokenizer.json": file, "GGUF": packed} {
		for i, want := range vectors.Rows {
			text := vectors.Strings[i]
			if got := tok.Encode(text, true); !slices.Equal(got, want.IDs) {
				t.Errorf("%s: %q is %v, want %v", name, text, got, want.IDs)
			}
			if got := tok.Decode(want.IDs); got != want.Text {
				t.Errorf("%s: %v is %q, want %q", name, want.IDs, got, want.Text)
			}
		}
	}
}

// The folder's EOS is <|im_end|>, as in Qwen's, but the token behind a text is another; what
// a GGUF file says of a text's end must be the latter.
func TestQwen2Vocab(t *testing.T) {
	tok, err := Load(qwen2Folder)
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := tok.TokenID("<|im_end|>"); tok.EOS() != end {
		t.Errorf("the folder's EOS is %d, want %d", tok.EOS(), end)
	}
	v := tok.Vocab()
	if text, _ := tok.TokenID("<|endoftext|>"); v.Pre != "qwen2" || v.EOS != text || !v.AddEOS || v.AddBOS {
		t.Errorf("pre %q, EOS %d (added: %v), BOS added: %v", v.Pre, v.EOS, v.AddEOS, v.AddBOS)
	}
}
