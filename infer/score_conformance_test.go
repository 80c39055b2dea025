//go:build conformance

package infer_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"trit/eval"
	"trit/eval/tasks"
	"trit/lm"
	"trit/tokenizer"
)

// BenchmarkArcEasy scores all of ARC-easy as an evaluation does, on tokens of GPT-2's tokenizer
// modulo the vocabulary of the 125M shape.
func BenchmarkArcEasy(b *testing.B) {
	dir := b.TempDir()
	text, err := os.ReadFile(shared + "data/tokenizers/gpt2_tokenizer.json")
	if err != nil {
		b.Fatal(err)
	}
	config := []byte(`{"bos_token":"<|endoftext|>","eos_token":"<|endoftext|>"}`)
	for name, content := range map[string][]byte{"tokenizer.json": text, "tokenizer_config.json": config} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		b.Fatal(err)
	}
	var asked recordedRequests
	found, err := tasks.Find("arc_easy")
	if err != nil {
		b.Fatal(err)
	}
	o := eval.Options{Tokenizer: tok, MaxLength: 2048, Tasks: found, DataDir: shared + "data/eval", NumFewshot: -1}
	if _, err := eval.Run(b.Context(), &asked, o); err != nil {
		b.Fatal(err)
	}
	benchmarkScore(b, model125M(b), asked.batches, 1)
}

// recordedRequests are the batches that an evaluation asks for.
type recordedRequests struct{ batches [][]lm.ScoreRequest }

func (r *recordedRequests) Score(_ context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	var list []lm.ScoreRequest
	for _, q := range requests {
		list = append(list, lm.ScoreRequest{Input: modulo(q.Input), Targets: modulo(q.Targets)})
	}
	r.batches = append(r.batches, list)
	return make([]lm.ScoreResult, len(requests)), nil
}

func (r *recordedRequests) ContextLength() int { return 2048 }

func (r *recordedRequests) Continue(context.Context, []lm.ContinueRequest) ([][]int32, error) {
	panic("ARC-easy asks for no text")
}

func modulo(ids []int32) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = id % 32000
	}
	return out
}
