//go:build conformance

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/eval/divergence"
	"trit/eval/perplexity"
	"trit/infer"
	"trit/lm"
	"trit/repro"
	"trit/tokenizer"
)

const wikiTextFile = "../../../shared/data/corpus-wikitext2/wiki.test.raw"

// story converts the small model of golden/eval to a type, and loads it.
func story(t *testing.T, kind string) (path string, m *infer.Model, tok *tokenizer.Tokenizer) {
	t.Helper()
	path = filepath.Join(t.TempDir(), kind+".gguf")
	mustTrit(t, "convert", filepath.Join(*goldenEval, "stories260K-hf"), path, "--type", kind, "--embedding-type", kind)
	m, tok, err := repro.LoadGGUF(path, infer.Options{Cache: infer.CacheF32, Head: infer.HeadExact})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return path, m, tok
}

// logProbs are those after each token of a sequence, in float64.
func logProbs(t *testing.T, m *infer.Model, ids []int32) (rows [][]float64) {
	t.Helper()
	s, err := m.NewSession(len(ids))
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config().VocabSize
	logits := make([]float32, len(ids)*v)
	if err := s.Forward(ids, logits, 0); err != nil {
		t.Fatal(err)
	}
	for i := range ids {
		row, sum := make([]float64, v), 0.0
		for k := range row {
			row[k] = float64(logits[i*v+k])
			sum += math.Exp(row[k])
		}
		for k := range row {
			row[k] -= math.Log(sum)
		}
		rows = append(rows, row)
	}
	return rows
}

// TestLlamaPerplexity compares the task with llama-perplexity's formula: chunks of 512 tokens, BOS first, of
// which the tokens behind position 256 are predicted.
func TestLlamaPerplexity(t *testing.T) {
	path, m, tok := story(t, "f32")
	const chunk, chunks = 512, 12
	b, err := os.ReadFile(wikiTextFile)
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.EncodeText(strings.ReplaceAll(string(b), "\r\n", "\n"), true)
	nll, count := 0.0, 0.0
	for i := range chunks {
		part := slices.Clone(ids[i*chunk : (i+1)*chunk])
		part[0] = tok.BOS()
		rows := logProbs(t, m, part)
		for k := chunk / 2; k < chunk-1; k++ {
			nll, count = nll-rows[k][part[k+1]], count+1
		}
	}
	want, out := math.Exp(nll/count), t.TempDir()
	mustTrit(t, "eval", path, "--tasks", "llama_ppl_wikitext2", "--data-dir", filepath.Dir(wikiTextFile), "--limit", "12",
		"--cache", "f32", "--out", out)
	b, err = os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Results map[string]map[string]any
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	got, _ := r.Results["llama_ppl_wikitext2"]["perplexity,none"].(float64)
	t.Logf("perplexity %.6f, by the formula %.6f", got, want)
	if !(math.Abs(got/want-1) < 1e-5) {
		t.Errorf("perplexity %v, want %v", got, want)
	}
}

// TestPackedPerplexity compares scores of eval_ppl's windows with float64 sums over logits.
func TestPackedPerplexity(t *testing.T) {
	_, m, tok := story(t, "f32")
	b, err := os.ReadFile(wikiTextFile)
	if err != nil {
		t.Fatal(err)
	}
	windows, err := perplexity.Packed(tok, strings.Split(string(b[:60000]), "\r\n"), 512)
	if err != nil {
		t.Fatal(err)
	}
	var requests []lm.ScoreRequest
	want := 0.0
	for _, w := range windows {
		n := len(w.IDs)
		requests = append(requests, lm.ScoreRequest{Input: w.IDs[:n-1], Targets: w.IDs[n-w.Targets:]})
		for k, row := range logProbs(t, m, w.IDs[:n-1]) {
			want += row[w.IDs[k+1]]
		}
	}
	scores, err := m.NewScorer(0).Score(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	got := 0.0
	for _, s := range scores {
		got += s.LogProb
	}
	t.Logf("%d windows: log-likelihood %.4f, in float64 %.4f", len(windows), got, want)
	if len(windows) < 10 || !(math.Abs(got/want-1) < 1e-6) {
		t.Errorf("%d windows: log-likelihood %v, want %v", len(windows), got, want)
	}
}

// TestDivergenceOfFormats compares the command with sums by the definitions.
func TestDivergenceOfFormats(t *testing.T) {
	basePath, base, tok := story(t, "f32")
	modelPath, model, _ := story(t, "bf16")
	const window, count = 128, 6
	b, err := os.ReadFile(wikiTextFile)
	if err != nil {
		t.Fatal(err)
	}
	windows, err := perplexity.Halves(tok, []string{strings.ReplaceAll(string(b[:40000]), "\r\n", "\n")}, window)
	if err != nil {
		t.Fatal(err)
	}
	kl, same, n := 0.0, 0.0, 0.0
	for _, w := range windows[:count] {
		p, q := logProbs(t, base, w.IDs[:window-1]), logProbs(t, model, w.IDs[:window-1])
		for k := window - 1 - w.Targets; k < window-1; k++ {
			for v := range p[k] {
				kl += math.Exp(p[k][v]) * (p[k][v] - q[k][v])
			}
			if slices.Index(p[k], slices.Max(p[k])) == slices.Index(q[k], slices.Max(q[k])) {
				same++
			}
			n++
		}
	}
	code, stdout, stderr := trit("divergence", modelPath, basePath, "--data", wikiTextFile, "--window", "128", "--limit", "6",
		"--json")
	if code != cmdline.ExitOK {
		t.Fatal(stderr)
	}
	var r divergence.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	t.Logf("KL %.8f, in float64 %.8f; the same likeliest token %.4f, %.4f", r.KL.Value, kl/n, r.SameTop.Value, same/n)
	if kl/n < 1e-7 || math.Abs(r.KL.Value-kl/n) > 1e-4*kl/n || r.SameTop.Value != same/n || r.Tokens != int(n) {
		t.Errorf("KL %v, same %v of %d; want %v, %v of %v", r.KL.Value, r.SameTop.Value, r.Tokens, kl/n, same/n, n)
	}
}
