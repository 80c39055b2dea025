package eval

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/tokenizer"
)

// The vectors are CPython's.
func TestRandomIsCPythons(t *testing.T) {
	r := python.NewRandom(1234)
	for i, want := range []uint32{4150886329, 3342196574, 1892932127, 501869158, 32175636} {
		if got := r.uint32(); got != want {
			t.Fatalf("number %d is %d, want %d", i, got, want)
		}
	}
	r = python.NewRandom(1234)
	for _, want := range [][]int{{6374, 3610, 957, 61, 742}, {7462, 6610, 4769, 286, 5501}, {5677, 687, 806, 6279, 2905}} {
		if got := r.sample(7473, 5); !slices.Equal(got, want) {
			t.Fatalf("sample is %v, want %v", got, want)
		}
	}
	r = python.NewRandom(1234)
	for _, want := range [][]int{{7, 1, 0, 9, 4}, {0, 1, 8, 6, 2}} {
		if got := r.sample(10, 5); !slices.Equal(got, want) {
			t.Fatalf("sample is %v, want %v", got, want)
		}
	}
}

// byteTokenizer has the 256 bytes and a few merges.
func byteTokenizer(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("a b c", nil) }, tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// fakeModel likes target tokens by their number: log p is -id/100. It answers with the
// text that follows each prompt's last character in answers.
type fakeModel struct {
	tok     *tokenizer.Tokenizer
	answers map[byte]string
	batches []int
	inputs  [][]int32
	fail    error
}

func (f *fakeModel) Score(_ context.Context, requests []ScoreRequest) ([]ScoreResult, error) {
	f.batches = append(f.batches, len(requests))
	var out []ScoreResult
	for _, r := range requests {
		f.inputs = append(f.inputs, r.Input)
		s := ScoreResult{}
		for _, t := range r.Targets {
			s.LogProb -= float64(t) / 100
		}
		out = append(out, s)
	}
	return out, f.fail
}

func (f *fakeModel) Generate(_ context.Context, requests []GenerateRequest) ([][]int32, error) {
	var out [][]int32
	for _, r := range requests {
		prompt := f.tok.Decode(r.Prompt)
		var ids []int32
		for _, id := range f.tok.Encode(f.answers[prompt[len(prompt)-1]], false) {
			if len(ids) == r.MaxTokens || r.Stop(ids) {
				break
			}
			ids = append(ids, id)
		}
		out = append(out, ids)
	}
	return out, f.fail
}

func TestPairs(t *testing.T) {
	tok := byteTokenizer(t)
	bos := tok.BOS()
	name := tok.Vocab().Tokens[bos]
	for _, c := range []struct {
		context, continuation string
		maxLength             int
		input, targets        []int32
	}{
		{"ab", " c", 9, []int32{bos, 'a', 'b', ' '}, []int32{' ', 'c'}},
		{"ab ", "c", 9, []int32{bos, 'a', 'b', ' '}, []int32{' ', 'c'}},  // the blank moves
		{"ab\x1f", "c", 9, []int32{bos, 'a', 'b', 31}, []int32{31, 'c'}}, // a blank for Python
		{"", "cd", 9, []int32{bos, 'c'}, []int32{'c', 'd'}},
		{" ", "c", 9, []int32{bos, ' '}, []int32{' ', 'c'}},          // blanks are not empty
		{"abcd", "ef", 3, []int32{'c', 'd', 'e'}, []int32{'e', 'f'}}, // cut on the left, BOS first
		{name + "ab", "c", 9, []int32{bos, 'a', 'b'}, []int32{'c'}},  // BOS is there already
	} {
		got := newEncoder(tok, c.maxLength).pair(c.context, c.continuation)
		if !slices.Equal(got.Input, c.input) || !slices.Equal(got.Targets, c.targets) {
			t.Errorf("%q + %q: %v and %v, want %v and %v", c.context, c.continuation, got.Input, got.Targets, c.input, c.targets)
		}
	}
}

func TestWindowsCoverEachTokenOnce(t *testing.T) {
	tok := byteTokenizer(t)
	var got []string
	for _, w := range newEncoder(tok, 4).windows([]int32{1, 2, 3, 4, 5, 6}) {
		got = append(got, fmt.Sprint(w.Input, w.Targets))
	}
	want := []string{fmt.Sprintf("[%d 1 2 3] [1 2 3 4]", tok.BOS()), "[2 3 4 5] [5 6]"}
	if !slices.Equal(got, want) {
		t.Errorf("windows %v, want %v", got, want)
	}
}

// write puts files into a folder of the test's own.
func write(t testing.TB, files map[string]string) string {
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

// options are those of a run with the fake model.
func options(t testing.TB, tasks ...string) (*fakeModel, Options) {
	tok := byteTokenizer(t)
	return &fakeModel{tok: tok}, Options{Tokenizer: tok, MaxLength: 64, Tasks: tasks, NumFewshot: -1}
}

// The fake model prefers low letters and short choices: right, wrong, and right by
// length only.
const ownChoices = `{"q":"x","c":["a","b"],"g":0}
{"q":"y","c":["c","d"],"g":1}

{"q":"z","c":["zz","aaaaaaaaaa"],"g":1}
`

func TestOwnMultipleChoice(t *testing.T) {
	dir := write(t, map[string]string{
		"q.jsonl":   ownChoices,
		"task.yaml": "name: own\ndata: q.jsonl\ncontext: \"Q: {q}\\nA:\"\nchoices: c\ngold: g\nmetrics: [acc, acc_norm, acc_bytes]\n",
	})
	m, o := options(t, filepath.Join(dir, "task.yaml"))
	o.Out = filepath.Join(dir, "out")
	r, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Results["own"]
	for name, want := range map[string]float64{"acc,none": 1. / 3, "acc_stderr,none": 1. / 3, "acc_norm,none": 2. / 3, "acc_bytes,none": 2. / 3} {
		if math.Abs(got[name]-want) > 1e-12 {
			t.Errorf("%s is %g, want %g", name, got[name], want)
		}
	}
	for _, name := range []string{"results.json", "samples_own.jsonl"} {
		if b, err := os.ReadFile(filepath.Join(dir, "out", name)); err != nil || !strings.Contains(string(b), "acc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleTaskNames() {
	fmt.Println(TaskNames())
	// Output: [bits_per_byte arc_easy arc_challenge boolq winogrande hellaswag piqa openbookqa gsm8k gsm8k_cot math500 humaneval humaneval_plus wikitext]
}
