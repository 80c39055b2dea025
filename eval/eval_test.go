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
	r := newPyRandom(1234)
	for i, want := range []uint32{4150886329, 3342196574, 1892932127, 501869158, 32175636} {
		if got := r.uint32(); got != want {
			t.Fatalf("number %d is %d, want %d", i, got, want)
		}
	}
	r = newPyRandom(1234)
	for _, want := range [][]int{{6374, 3610, 957, 61, 742}, {7462, 6610, 4769, 286, 5501}, {5677, 687, 806, 6279, 2905}} {
		if got := r.sample(7473, 5); !slices.Equal(got, want) {
			t.Fatalf("sample is %v, want %v", got, want)
		}
	}
	r = newPyRandom(1234)
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

// fakeModel likes target tokens by their number: log p is -id/100.
type fakeModel struct{ batches []int }

func (f *fakeModel) Score(_ context.Context, requests []ScoreRequest) ([]ScoreResult, error) {
	f.batches = append(f.batches, len(requests))
	var out []ScoreResult
	for _, r := range requests {
		s := ScoreResult{}
		for _, t := range r.Targets {
			s.LogProb -= float64(t) / 100
		}
		out = append(out, s)
	}
	return out, nil
}

func (f *fakeModel) Generate(context.Context, []GenerateRequest) ([][]int32, error) { return nil, nil }

func TestEncodePair(t *testing.T) {
	tok := byteTokenizer(t)
	bos := tok.BOS()
	for _, c := range []struct {
		context, continuation string
		maxLength             int
		input, targets        []int32
	}{
		{"ab", " c", 9, []int32{bos, 'a', 'b', ' '}, []int32{' ', 'c'}},
		{"ab ", "c", 9, []int32{bos, 'a', 'b', ' '}, []int32{' ', 'c'}}, // the blank moves
		{"", "cd", 9, []int32{bos, 'c'}, []int32{'c', 'd'}},
		{"abcd", "ef", 3, []int32{'c', 'd', 'e'}, []int32{'e', 'f'}}, // cut on the left, BOS first
	} {
		o := &Options{Tokenizer: tok, MaxLength: c.maxLength}
		got := o.encodePair(c.context, c.continuation)
		if !slices.Equal(got.Input, c.input) || !slices.Equal(got.Targets, c.targets) {
			t.Errorf("%q + %q: %v and %v, want %v and %v", c.context, c.continuation, got.Input, got.Targets, c.input, c.targets)
		}
	}
}

func TestWindowsCoverEachTokenOnce(t *testing.T) {
	tok := byteTokenizer(t)
	o := &Options{Tokenizer: tok, MaxLength: 4}
	var got []string
	for _, w := range o.windows([]int32{1, 2, 3, 4, 5, 6}) {
		got = append(got, fmt.Sprint(w.Input, w.Targets))
	}
	want := []string{fmt.Sprintf("[%d 1 2 3] [1 2 3 4]", tok.BOS()), "[2 3 4 5] [5 6]"}
	if !slices.Equal(got, want) {
		t.Errorf("windows %v, want %v", got, want)
	}
}

func TestRunOnATaskOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	// The fake model prefers low letters and short choices: right, wrong, and right by length only.
	os.WriteFile(filepath.Join(dir, "q.jsonl"), []byte(`{"q":"x","c":["a","b"],"g":0}
{"q":"y","c":["c","d"],"g":1}
{"q":"z","c":["zz","aaaaaaaaaa"],"g":1}
`), 0o644)
	os.WriteFile(filepath.Join(dir, "task.json"), []byte(`{"name":"own","data":"q.jsonl","context":"Q: {q}\nA:","choices":"c","gold":"g","acc_norm":true}`), 0o644)
	m := &fakeModel{}
	r, err := Run(context.Background(), m, Options{Tokenizer: byteTokenizer(t), MaxLength: 64, Tasks: []string{filepath.Join(dir, "task.json")}, NumFewshot: -1, Out: filepath.Join(dir, "out")})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Results["own"]
	if math.Abs(got["acc,none"]-1.0/3) > 1e-12 || math.Abs(got["acc_norm,none"]-2.0/3) > 1e-12 || math.Abs(got["acc_stderr,none"]-1.0/3) > 1e-12 {
		t.Errorf("results %v", got)
	}
	for _, name := range []string{"results.json", "samples_own.jsonl"} {
		if b, err := os.ReadFile(filepath.Join(dir, "out", name)); err != nil || !strings.Contains(string(b), "acc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "arc_easy_test.jsonl"), []byte(`{"question":"x","choices":["a","b"],"gold":0}`+"\n"), 0o644)
	os.WriteFile(filepath.Join(dir, "boolq_val.jsonl"), []byte(`{"question":"x","label":0}`+"\n"), 0o644)
	for task, want := range map[string]string{"arc_easy": "2376", "boolq": "passage", "arc_challenge": "--data-dir", "mystery": "no task"} {
		_, err := Run(context.Background(), &fakeModel{}, Options{Tokenizer: byteTokenizer(t), MaxLength: 64, Tasks: []string{task}, DataDir: dir})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", task, err, want)
		}
	}
}

func TestCountWords(t *testing.T) {
	for text, want := range map[string]int{"a b": 2, " a b ": 4, "": 1, "a\n\tb": 2} {
		if got := countWords(text); got != want {
			t.Errorf("%q has %d words, want %d", text, got, want)
		}
	}
}

func ExampleTaskNames() {
	fmt.Println(TaskNames())
	// Output: [bits_per_byte arc_easy arc_challenge boolq]
}
