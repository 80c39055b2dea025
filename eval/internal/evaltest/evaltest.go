// Package evaltest has helpers for the tests of eval and its tasks: a tokenizer of bytes, a
// model without weights, and files.
package evaltest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"trit/lm"
	"trit/tokenizer"
)

// Tokenizer returns a tokenizer of the 256 bytes and two special tokens.
func Tokenizer(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	text := func(yield func(string, error) bool) { yield("a b c", nil) }
	tok, err := tokenizer.Train(text, tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// Model prefers target tokens with low ids: log p is -id/100. It answers a prompt with the
// text that Answers has for the prompt's last character.
type Model struct {
	Tokenizer *tokenizer.Tokenizer
	Answers   map[byte]string
	Context   int
	Batches   []int     // number of requests of each call of Score
	Inputs    [][]int32 // of all requests of Score
}

// Score implements lm.Model.
func (m *Model) Score(_ context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	m.Batches = append(m.Batches, len(requests))
	var out []lm.ScoreResult
	for _, r := range requests {
		m.Inputs = append(m.Inputs, r.Input)
		s := lm.ScoreResult{}
		for _, t := range r.Targets {
			s.LogProb -= float64(t) / 100
		}
		out = append(out, s)
	}
	return out, nil
}

// Continue implements lm.Model.
func (m *Model) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	var out [][]int32
	for _, r := range requests {
		prompt := m.Tokenizer.Decode(r.Prompt)
		var ids []int32
		for _, id := range m.Tokenizer.Encode(m.Answers[prompt[len(prompt)-1]], false) {
			if len(ids) == r.MaxTokens || r.Stop(ids) {
				break
			}
			ids = append(ids, id)
		}
		out = append(out, ids)
	}
	return out, nil
}

// ContextLength implements lm.Model.
func (m *Model) ContextLength() int { return m.Context }

// Write writes files to a folder of the test's own.
func Write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Vectors are results of Python for texts made up for these tests: of the harness's functions at
// 4e7e0d47 (hendrycks_math, hellaswag, wikitext, RegexFilter) and of the standard library's str,
// json, re and hashlib.
type Vectors struct {
	Spell []struct {
		In  string
		Out *string // null where Python raises
	}
	Pairs []struct {
		A, B  string
		Equal bool
	}
	Boxed, Answers, Clean []struct {
		In  string
		Out *string
	}
	Hellaswag []struct{ Doc, Out json.RawMessage }
	Wiki      []struct {
		In, Out string
		Words   int
	}
	Raw    string
	Pages  []string
	Hashes []struct{ In, Hash, Line string }
	Floats []struct{ In, Out string }
	Caps   []struct{ In, Capital, Lower string }

	Filters []struct {
		Regex, In, Out string
		Pick           int
	}
}

// ReadVectors reads testdata/python.json. path leads to it from the package under test.
func ReadVectors(t *testing.T, path string) *Vectors {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := &Vectors{}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return v
}
