package perplexity_test

import (
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
