package eval

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
)

func TestPairs(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	bos := tok.BOS()
	name := tok.Vocab().Tokens[bos]
	for _, c := range []struct {
		context, continuation string
		maxLength             int
		input, targets        []int32
	}{
		{"ab", " c", 9, []int32{bos, 'a', 'b', ' '}, []int32{' ', 'c'}},
		{"ab ", "c", 9, []int32{bos, 'a', 'b', ' '}, []int32{' ', 'c'}},  // the space moves
		{"ab\x1f", "c", 9, []int32{bos, 'a', 'b', 31}, []int32{31, 'c'}}, // a space for Python
		{"", "cd", 9, []int32{bos, 'c'}, []int32{'c', 'd'}},
		{" ", "c", 9, []int32{bos, ' '}, []int32{' ', 'c'}},          // a space is not empty
		{"abcd", "ef", 3, []int32{'c', 'd', 'e'}, []int32{'e', 'f'}}, // cut on the left, BOS first
		{name + "ab", "c", 9, []int32{bos, 'a', 'b'}, []int32{'c'}},  // BOS is there already
	} {
		got, _ := newEncoder(tok, c.maxLength).pair(c.context, c.continuation)
		if !slices.Equal(got.Input, c.input) || !slices.Equal(got.Targets, c.targets) {
			t.Errorf("%q + %q: %v and %v, want %v and %v", c.context, c.continuation, got.Input, got.Targets, c.input, c.targets)
		}
	}
}

func TestWindowsCoverEachTokenOnce(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	var got []string
	for _, w := range newEncoder(tok, 4).windows([]int32{1, 2, 3, 4, 5, 6}) {
		got = append(got, fmt.Sprint(w.Input, w.Targets))
	}
	want := []string{fmt.Sprintf("[%d 1 2 3] [1 2 3 4]", tok.BOS()), "[2 3 4 5] [5 6]"}
	if !slices.Equal(got, want) {
		t.Errorf("windows %v, want %v", got, want)
	}
}

// options are those of a run with the fake model.
func options(t testing.TB, declarations ...string) (*evaltest.Model, Options) {
	t.Helper()
	m := &evaltest.Model{Tokenizer: evaltest.Tokenizer(t), Context: 64}
	o := Options{Tokenizer: m.Tokenizer, NumFewshot: -1}
	for _, path := range declarations {
		task, err := ReadTask(path)
		if err != nil {
			t.Fatal(err)
		}
		o.Tasks = append(o.Tasks, *task)
	}
	return m, o
}

// The fake model prefers low letters and short choices: right, wrong, and right by
// length only.
const ownChoices = `{"q":"x","c":["a","b"],"g":0}
{"q":"y","c":["c","d"],"g":1}

{"q":"z","c":["zz","aaaaaaaaaa"],"g":1}
`

func TestOwnMultipleChoice(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
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
