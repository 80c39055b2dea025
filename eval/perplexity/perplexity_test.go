package perplexity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
	"trit/eval/perplexity"
	"trit/lm"
)

func ExamplePacked() {
	for _, t := range perplexity.Tasks() {
		fmt.Println(t.Name)
	}
	// Output:
	// ppl_wikitext2
	// ppl_ptb
	// ppl_c4
	// llama_ppl_wikitext2
}

// windowsOf are ids as text, and how many are predicted.
func windowsOf(docs []eval.TokenDocument) (out []string) {
	for _, d := range docs {
		out = append(out, fmt.Sprint(d.IDs, d.Targets))
	}
	return out
}

// TestPacked: whole texts fill a window, and one that is too long for any is left out.
func TestPacked(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	bos, eos, a := tok.BOS(), tok.EOS(), tok.Encode("a", false)[0]
	got, err := perplexity.Packed(tok, []string{"aa", "a", "aaaaaaaaaa", "aaaa", "aa"}, 6)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		fmt.Sprint([]int32{bos, a, a, eos, a, eos}, 5), fmt.Sprint([]int32{bos, a, a, a, a, eos}, 5),
		fmt.Sprint([]int32{bos, a, a, eos}, 3),
	}
	if !slices.Equal(windowsOf(got), want) {
		t.Errorf("%v, want %v", windowsOf(got), want)
	}
	if _, err := perplexity.Packed(tok, []string{"aaaaaaaaa"}, 6); err == nil {
		t.Error("a text that is too long has windows")
	}
}

func TestHalves(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	ids := tok.EncodeText("abcdefghijklm", true)
	got, err := perplexity.Halves(tok, []string{"abcdefghijklm"}, 6)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for at := 0; at+6 <= len(ids); at += 6 {
		w := slices.Clone(ids[at : at+6])
		if ids[0] == tok.BOS() {
			w[0] = tok.BOS()
		}
		want = append(want, fmt.Sprint(w, 2))
	}
	if len(want) != 2 || !slices.Equal(windowsOf(got), want) {
		t.Errorf("%v, want %v", windowsOf(got), want)
	}
	if _, err := perplexity.Halves(tok, []string{"abc"}, 6); err == nil {
		t.Error("a short text has windows")
	}
}

// TestTasks measures a model whose log-probabilities are known, against sums over the windows.
func TestTasks(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	raw := strings.Repeat(" = Title = \r\n \r\n "+strings.Repeat("One day a man went out . ", 9)+"\r\n", 60)
	dir := evaltest.Write(t, map[string]string{"wiki.test.raw": raw})
	text := strings.ReplaceAll(raw, "\r\n", "\n")
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	packed, err := perplexity.Packed(tok, lines, 2048)
	if err != nil {
		t.Fatal(err)
	}
	halves, err := perplexity.Halves(tok, []string{text}, 512)
	if err != nil {
		t.Fatal(err)
	}
	for i, windows := range map[int][]eval.TokenDocument{0: packed, 3: halves} {
		task, out := perplexity.Tasks()[i], t.TempDir()
		m := &evaltest.Model{Tokenizer: tok, Context: 2048}
		o := eval.Options{Tokenizer: tok, Tasks: []eval.Task{task}, DataDir: dir, Out: out, Replace: true}
		if _, err := eval.Run(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
		results := readResults(t, out, task.Name)
		ppl, stderr := expected(windows)
		if math.Abs(results["perplexity,none"]-ppl) > 1e-9 || math.Abs(results["perplexity_stderr,none"]-stderr) > 1e-9 {
			t.Errorf("%s: %v, want %v ± %v", task.Name, results, ppl, stderr)
		}
		if _, ok := results["bits_per_byte,none"]; ok {
			t.Errorf("%s has bits per byte, though not all of its text is predicted", task.Name)
		}
		m.Context = 300
		if _, err := eval.Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "the context length is 300") {
			t.Errorf("%s in a short context: %v", task.Name, err)
		}
	}
}

// worse is a model that holds the targets of some windows for less likely than another one, by nats a token.
type worse struct {
	*evaltest.Model
	by float64
}

func (w *worse) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	out, err := w.Model.Score(ctx, requests)
	for i := range out {
		out[i].LogProb -= w.by * float64(i%3) * float64(len(requests[i].Targets))
	}
	return out, err
}

// Two results of a perplexity task are paired by window, from the samples and in memory.
func TestPairsWindows(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	dir := evaltest.Write(t, map[string]string{"wiki.test.raw": strings.Repeat("One day a man went out . \n", 100)})
	var reports []*eval.Report
	var outs []string
	for _, by := range []float64{0, 0.01} {
		out := t.TempDir()
		r, err := eval.Run(t.Context(), &worse{&evaltest.Model{Tokenizer: tok, Context: 2048}, by}, eval.Options{
			Tokenizer: tok, Tasks: perplexity.Tasks()[3:], DataDir: dir, Out: out, Replace: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		reports, outs = append(reports, r), append(outs, out)
	}
	fromFiles, err := eval.Compare(outs[0], outs[1])
	if err != nil {
		t.Fatal(err)
	}
	inMemory, err := eval.CompareReports(reports[0], reports[1])
	if err != nil {
		t.Fatal(err)
	}
	// Five windows of 255 tokens, which are worse by 0, 0.01, 0.02, 0 and 0.01 nats a token.
	for _, rows := range [][]eval.Difference{fromFiles.Rows, inMemory.Rows} {
		d, mean, squares := rows[0], 0.008, 0.0
		for _, v := range []float64{0, 0.01, 0.02, 0, 0.01} {
			squares += (v - mean) * (v - mean)
		}
		stderr := math.Sqrt(squares / 4 / 5)
		if d.Metric != "loss,none" || d.Test != eval.PairedZNats || d.Documents != 5 || d.BetterA != 3 || d.BetterB != 0 ||
			math.Abs(d.B-d.A-mean) > 1e-9 || math.Abs(d.Stderr-stderr) > 1e-9 || math.Abs(d.P-math.Erfc(mean/stderr/math.Sqrt2)) > 1e-6 {
			t.Errorf("%+v, want %g ± %g", d, mean, stderr)
		}
		ppl := math.Sqrt(rows[1].A * rows[1].B)
		if d := rows[1]; d.Metric != "perplexity,none" || math.Abs(d.Stderr-ppl*stderr) > 1e-6 {
			t.Errorf("%+v, want ± %g", d, ppl*stderr)
		}
	}
	b, err := os.ReadFile(filepath.Join(outs[0], "samples_llama_ppl_wikitext2.jsonl"))
	if lines := strings.Count(string(b), "\n"); err != nil || lines != 5 || strings.Count(string(b), `"tokens": 255, "bytes": 255, "words": `) != 5 {
		t.Errorf("%d lines, %v: %.300s", lines, err, b)
	}
}

// expected is the perplexity of a model for which log p is -id/100, and its standard error over windows.
func expected(windows []eval.TokenDocument) (ppl, stderr float64) {
	var nats, tokens []float64
	all, count := 0.0, 0.0
	for _, w := range windows {
		sum := 0.0
		for _, id := range w.IDs[len(w.IDs)-w.Targets:] {
			sum += float64(id) / 100
		}
		nats, tokens = append(nats, sum), append(tokens, float64(w.Targets))
		all, count = all+sum, count+float64(w.Targets)
	}
	ppl, squares, n := math.Exp(all/count), 0.0, float64(len(nats))
	for i := range nats {
		squares += math.Pow(nats[i]-all/count*tokens[i], 2)
	}
	return ppl, ppl * math.Sqrt(squares/(n-1)/n) / (count / n)
}

func readResults(t *testing.T, dir, task string) map[string]float64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Results map[string]map[string]any }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for key, value := range v.Results[task] {
		if f, ok := value.(float64); ok {
			out[key] = f
		}
	}
	return out
}
