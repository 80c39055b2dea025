//go:build conformance

package infer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trit/eval"
	"trit/eval/tasks"
	"trit/infer"
	"trit/lm"
	"trit/tokenizer"
)

// BenchmarkArcEasy scores all of ARC-easy as an evaluation does, on tokens of GPT-2's tokenizer
// modulo the vocabulary of the 125M shape.
func BenchmarkArcEasy(b *testing.B) {
	tok := gpt2(b)
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

// gpt2 is GPT-2's tokenizer, with its only special token at the beginning and the end of texts.
func gpt2(b *testing.B) *tokenizer.Tokenizer {
	b.Helper()
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
	return tok
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

// BenchmarkMMLU evaluates three subjects of MMLU, as many made-up questions as a subject has on average, each
// after five examples, and one choice in some with a pass of its own. It reports what both take for all 14042
// questions; reading, tokenising and judging are in the time of the evaluation alone.
func BenchmarkMMLU(b *testing.B) {
	const questions, all, some = 246, 14042, 60
	tok, dir := gpt2(b), b.TempDir()
	found, err := tasks.Find("mmlu_astronomy", "mmlu_marketing", "mmlu_prehistory")
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, t := range found {
		writeQuestions(b, r, filepath.Join(dir, t.Name+"_dev.jsonl"), 5)
		writeQuestions(b, r, filepath.Join(dir, t.Name+"_test.jsonl"), min(questions, t.Test.Rows))
	}
	m := model125M(b)
	s, err := m.NewSession(m.ContextLength())
	if err != nil {
		b.Fatal(err)
	}
	o := eval.Options{Tokenizer: tok, MaxLength: 2048, Tasks: found, DataDir: dir, AllowPartial: true, NumFewshot: -1}
	for b.Loop() {
		model := &moduloModel{Scorer: m.NewScorer(0)}
		start := time.Now()
		report, err := eval.Run(b.Context(), model, o)
		if err != nil {
			b.Fatal(err)
		}
		whole, asking, n := time.Since(start).Seconds(), 0.0, 0
		for _, t := range found {
			asking, n = asking+report.Effort[t.Name].Seconds, n+report.NSamples[t.Name].Effective
		}
		start = time.Now()
		passes, tokens := 0, 0
		for i := 0; i < len(model.asked); i += some {
			aloneScore(b, s, model.asked[i])
			passes, tokens = passes+1, tokens+len(model.asked[i].Input)
		}
		alone := 4 * time.Since(start).Seconds() / float64(passes)
		b.Logf("%d questions, prompts of %d tokens: %.1f s, %.1f s of it the model's; a question %.1f ms, with a pass a choice "+
			"%.0f ms, ratio %.4f; all of MMLU %.1f min and %.1f min", n, tokens/passes, whole, asking, 1e3*whole/float64(n), 1e3*alone,
			whole/float64(n)/alone, whole/float64(n)*all/60, alone*all/60)
	}
}

// writeQuestions writes questions about as long as those of MMLU.
func writeQuestions(b *testing.B, r *rand.Rand, path string, n int) {
	words := strings.Fields("the of which following a most likely cause that patient is between market cells increase theory person would " +
		"government because energy not an American growth was by rate law best describes according to when acid water number")
	text := func(least, most int) string {
		var picked []string
		for range least + r.IntN(most-least) {
			picked = append(picked, words[r.IntN(len(words))])
		}
		return strings.Join(picked, " ")
	}
	var lines bytes.Buffer
	for range n {
		row := map[string]any{"question": text(12, 90) + "?", "answer": r.IntN(4)}
		row["choices"] = []string{text(2, 14), text(2, 14), text(2, 14), text(2, 14)}
		if err := json.NewEncoder(&lines).Encode(row); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
}

// moduloModel scores tokens modulo the vocabulary of the 125M shape, and keeps what it was asked.
type moduloModel struct {
	*infer.Scorer
	asked []lm.ScoreRequest
}

func (m *moduloModel) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	list := make([]lm.ScoreRequest, len(requests))
	for i, q := range requests {
		list[i] = lm.ScoreRequest{Input: modulo(q.Input), Targets: modulo(q.Targets)}
	}
	m.asked = append(m.asked, list...)
	return m.Scorer.Score(ctx, list)
}
