//go:build conformance

package tokenizer

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const shared = "../../shared"

var (
	vectorsFlag = flag.String("vectors", "", "JSON file {strings, out: {name: {tokenizer, rows: [{ids, text}]}}} made by the Rust tokenizers")
	llama3Flag  = flag.String("llama3", "", "Llama 3's tokenizer.json, for data/vocab-conformance")
)

// A file of vectors is made with the npm package @anush008/tokenizers: for each
// tokenizer.json and each string, the ids of encode(string) with special tokens, and
// decode(ids) without them.
func TestVectorsOfTheRustTokenizers(t *testing.T) {
	if *vectorsFlag == "" {
		t.Skip("needs -vectors, which the Rust tokenizers must make")
	}
	var file struct {
		Strings []string
		Out     map[string]struct {
			Tokenizer string
			Rows      []struct {
				IDs  []int32
				Text string
			}
		}
	}
	b, err := os.ReadFile(*vectorsFlag)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	for name, vectors := range file.Out {
		tok, err := Load(vectors.Tokenizer)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wrong := 0
		for i, row := range vectors.Rows {
			ids, text := tok.Encode(file.Strings[i], true), tok.Decode(row.IDs)
			if !slices.Equal(ids, row.IDs) || text != row.Text {
				if wrong++; wrong <= 3 {
					t.Errorf("%s: %q\n got %v\nwant %v\n got %q\nwant %q", name, file.Strings[i], ids, row.IDs, text, row.Text)
				}
			}
		}
		t.Logf("%s: %d of %d differ", name, wrong, len(vectors.Rows))
	}
}

func TestVocabConformance(t *testing.T) {
	files := map[string]string{"gpt-2": filepath.Join(shared, "data/tokenizers/gpt2_tokenizer.json")}
	if *llama3Flag != "" {
		files["llama-bpe"] = *llama3Flag
	}
	for name, path := range files {
		tok, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Join(shared, "data/vocab-conformance/ggml-vocab-"+name+".gguf")
		texts, want := conformanceFile(t, base)
		passed := 0
		for i, text := range texts {
			if got := fmt.Sprint(tok.Encode(text, false)); got != want[i] {
				t.Errorf("%s: %q: got %s, want %s", name, text, got, want[i])
			} else {
				passed++
			}
			if e, err := tok.Sugarme().EncodeSingle(text, false); err != nil || fmt.Sprint(e.Ids) != want[i] {
				t.Errorf("%s: %q: through sugarme %v, %v, want %s", name, text, e, err, want[i])
			}
		}
		t.Logf("%s: %d of %d", name, passed, len(texts))
		if len(texts) != 47 {
			t.Errorf("%s: %d strings, want 47", name, len(texts))
		}
	}
}

// From a tokenizer.json to GGUF and back to a tokenizer.json: equal vocabularies and ids.
func TestRoundTripOfRealVocabularies(t *testing.T) {
	paths := []string{"data/tokenizers/gpt2_tokenizer.json", "golden/eval/stories260K-hf", "golden/checkpoints/hf-1bitllm"}
	for i := range paths {
		paths[i] = filepath.Join(shared, paths[i])
	}
	if *llama3Flag != "" {
		paths = append(paths, *llama3Flag)
	}
	texts, _ := conformanceFile(t, filepath.Join(shared, "data/vocab-conformance/ggml-vocab-gpt-2.gguf"))
	for _, path := range paths {
		tok, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		made, again := rewritten(t, tok.Vocab())
		sameVocab(t, again.Vocab(), tok.Vocab())
		for _, text := range append(texts, readVectors(t).Strings...) {
			want := tok.Encode(text, true)
			if a, b := made.Encode(text, true), again.Encode(text, true); !slices.Equal(a, want) || !slices.Equal(b, want) {
				t.Errorf("%s: %q: %v and %v, want %v", path, text, a, b, want)
			}
		}
	}
}

// The scores that are derived from merges are those of the tokenizer.model of which the
// tokenizer.json was made; llama2.c's tok512.bin holds them: a number of bytes, then score,
// length and text of each token.
func TestDerivedScoresAreSentencePieces(t *testing.T) {
	tok, err := Load(filepath.Join(shared, "golden/eval/stories260K-hf"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(shared, "data/models/tok512.bin"))
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	at := 4
	for id, score := range v.Scores {
		want := math.Float32frombits(binary.LittleEndian.Uint32(b[at:]))
		if score != want {
			t.Errorf("token %d, %q, has score %v, want %v", id, v.Tokens[id], score, want)
		}
		at += 8 + int(binary.LittleEndian.Uint32(b[at+4:]))
	}
	if at != len(b) {
		t.Errorf("the file has %d bytes, %d were read", len(b), at)
	}
}

// conformanceFile reads strings from base.inp, divided by a line of its own, and their
// ids from base.out.
func conformanceFile(t *testing.T, base string) (texts, ids []string) {
	t.Helper()
	b, err := os.ReadFile(base + ".inp")
	if err != nil {
		t.Fatal(err)
	}
	texts = strings.Split(string(b), "\n__ggml_vocab_test__\n")
	f, err := os.Open(base + ".out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		ids = append(ids, fmt.Sprint(strings.Fields(lines.Text())))
	}
	if len(texts) == len(ids)+1 { // the last string is empty and has no line of ids
		ids = append(ids, "[]")
	}
	return texts, ids
}

// The real vocabularies of GPT-2 and Pythia, whose splits are GPT-2's, are known without
// their names.
func TestGuessOfRealVocabularies(t *testing.T) {
	for _, name := range []string{"gpt2_tokenizer.json", "pythia_gptneox_tokenizer.json"} {
		b, err := os.ReadFile(filepath.Join(shared, "data", "tokenizers", name))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Parse(b, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		v := tok.Vocab()
		v.Pre = ""
		if got, why := v.splitName(); got != "gpt-2" || !strings.Contains(why, "cuts the fewest") {
			t.Errorf("%s: %s, %s", name, got, why)
		}
		t.Logf("%s: kept whole: %d bytes", name, len(v.HuggingFace))
	}
}
