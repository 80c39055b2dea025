package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// llamaVectors are the ids of testdata/encode_llamacpp.mjs.
type llamaVectors struct {
	Strings []string
	Splits  []struct {
		Names []string
		BOS   bool
		IDs   [][]int32
	}
}

func readLlamaVectors(t *testing.T) llamaVectors {
	t.Helper()
	var v llamaVectors
	b, err := os.ReadFile("testdata/llamacpp.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.Strings) < 50 || len(v.Splits) < 15 {
		t.Fatal(len(v.Strings), len(v.Splits), err)
	}
	return v
}

// vocab is the vocabulary of testdata/make_llamacpp.py: bytes, and their pairs in the strings.
func (l *llamaVectors) vocab(pre string) Vocab {
	v := Vocab{Model: "gpt2", Pre: pre, BOS: -1, EOS: -1, UNK: -1, PAD: -1}
	for b := range 256 {
		v.Tokens = append(v.Tokens, string(byteRunes[b]))
	}
	seen := map[string]bool{}
	for _, s := range l.Strings {
		for i := 1; i < len(s); i++ {
			a, b := string(byteRunes[s[i-1]]), string(byteRunes[s[i]])
			if !seen[a+b] {
				seen[a+b] = true
				v.Tokens, v.Merges = append(v.Tokens, a+b), append(v.Merges, a+" "+b)
			}
		}
	}
	v.Types = slices.Repeat([]int32{typeNormal}, len(v.Tokens))
	v.BOS = int32(len(v.Tokens))
	v.Tokens, v.Types = append(v.Tokens, "<s>", "</s>"), append(v.Types, typeControl, typeControl)
	return v
}

// Splits by all names that llama.cpp knows of ours, and the tokenizer.json that is written of
// them: against llama.cpp, or the Rust tokenizers where llama.cpp does otherwise. It does not
// compose characters (NFC) for Qwen's, leaves combining marks out of the patterns of tekken
// and gpt-4o, takes U+3000 for another space in those of deepseek, and approximates falcon's.
func TestSplitsOfLlamaCpp(t *testing.T) {
	vectors, names := readLlamaVectors(t), 0
	var rust map[string][][]int32
	b, err := os.ReadFile("testdata/splits_rust.json")
	if err == nil {
		err = json.Unmarshal(b, &rust)
	}
	if err != nil || len(rust) != 7 {
		t.Fatal(len(rust), err)
	}
	for _, split := range vectors.Splits {
		for _, name := range split.Names {
			v := vectors.vocab(name)
			if v.AddsBOS() != split.BOS {
				t.Errorf("%s puts BOS before a text: %v, want %v", name, v.AddsBOS(), split.BOS)
			}
			p, _ := preTokenizerOf(name)
			want, ok := rust[p.names[0]]
			if !ok {
				want = split.IDs
			}
			made, again := rewritten(t, v)
			for i, s := range vectors.Strings {
				a, b := made.Encode(s, false), again.Encode(s, false)
				if !slices.Equal(a, want[i]) || !slices.Equal(b, want[i]) {
					t.Errorf("%s: %q\n got %v\n and %v\nwant %v", name, s, a, b, want[i])
				}
			}
			names++
		}
	}
	if names < 55 {
		t.Errorf("%d names were compared", names)
	}
}

// tiiuae's own files call Llama 3's split falcon_e, which llama.cpp does not know.
func TestFalconE(t *testing.T) {
	vectors := readLlamaVectors(t)
	v := vectors.vocab("falcon_e")
	tok, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range vectors.Splits {
		for i, want := range split.IDs {
			if got := tok.Encode(vectors.Strings[i], false); split.Names[0] == "llama-bpe" && !slices.Equal(got, want) {
				t.Errorf("%q: got %v, want %v", vectors.Strings[i], got, want)
			}
		}
	}
	if !v.AddsBOS() {
		t.Error("BOS does not stand before a text")
	}
}

func TestUnknownSplitIsRefusedWithAllNames(t *testing.T) {
	_, err := FromVocab(byteVocab(t, "nobody"))
	for _, name := range []string{`"nobody"`, "falcon_e", "falcon3", "qwen35", "tekken", "smollm", "deepseek-llm", "default"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

// BOS stands before a text by the name of the split, where the file does not say, and always
// for SentencePiece.
func TestDefaultOfBOS(t *testing.T) {
	for name, want := range map[string]bool{"llama-bpe": true, "falcon3": true, "gpt-2": false, "qwen2": false, "tekken": true} {
		v := byteVocab(t, name)
		if got := v.AddsBOS(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if v.BOS = -1; v.AddsBOS() {
			t.Errorf("%s: there is no BOS to stand before a text", name)
		}
	}
	v := pieceVocab(t)
	if !v.AddsBOS() {
		t.Error("SentencePiece puts BOS before a text")
	}
}
