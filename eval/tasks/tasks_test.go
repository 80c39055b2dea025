package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
)

// options are those of a run with the model of evaltest.
func options(t *testing.T, tasks ...eval.Task) (*evaltest.Model, eval.Options) {
	t.Helper()
	tok := evaltest.Tokenizer(t)
	m := &evaltest.Model{Tokenizer: tok, Context: 64}
	return m, eval.Options{Tokenizer: tok, Tasks: tasks, NumFewshot: -1}
}

// document reads a line of JSON as eval does.
func document(t *testing.T, line []byte) eval.Document {
	t.Helper()
	var d eval.Document
	if err := d.UnmarshalJSON(line); err != nil {
		t.Fatal(err)
	}
	return d
}

// A question of WinoGrande has two contexts. Examples show the right one, and no answer.
func TestWinograndePrompts(t *testing.T) {
	task := winogrande
	task.Test.Rows, task.Fewshot = 2, eval.Fewshot{Count: 1, First: true}
	dir := evaltest.Write(t, map[string]string{
		"winogrande_val.jsonl": `{"sentence":"He saw _.","option1":"a","option2":"b","answer":"2"}
{"sentence":"It was _ that fell.","option1":"c","option2":"d","answer":"1"}
`})
	m, o := options(t, task)
	o.DataDir, o.Out = dir, filepath.Join(dir, "out")
	if _, err := eval.Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(o.Out, "samples_winogrande.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"He saw b .\n\nHe saw a| .", "He saw b .\n\nHe saw b| .",
		"He saw b .\n\nIt was c| that fell.", "He saw b .\n\nIt was d| that fell.",
	}
	var got []string
	for line := range strings.Lines(string(b)) {
		var s struct {
			Arguments map[string]struct {
				Context      string `json:"arg_0"`
				Continuation string `json:"arg_1"`
			}
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"gen_args_0", "gen_args_1"} {
			got = append(got, s.Arguments[key].Context+"|"+s.Arguments[key].Continuation)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

// sandbox passes programs that hold a word.
type sandbox struct {
	word     string
	mutex    sync.Mutex
	programs []string
}

func (s *sandbox) Run(_ context.Context, program string) (bool, string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.programs = append(s.programs, program)
	passed := strings.Contains(program, s.word)
	return passed, map[bool]string{true: "yes", false: "no"}[passed], nil
}

func TestCodeRunsInTheSandboxAlone(t *testing.T) {
	row := `{"task_id":"x/%d","prompt":"def f():%d","test":"def check(f): pass","entry_point":"f"}` + "\n"
	dir := evaltest.Write(t, map[string]string{"HumanEval.jsonl": fmt.Sprintf(row, 1, 1) + fmt.Sprintf(row, 2, 2)})
	m, o := options(t, humanEval)
	o.DataDir, o.AllowPartial, o.MaxTokens = dir, true, 32
	if _, err := eval.Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "Options.Sandbox") {
		t.Fatalf("without a sandbox: %v", err)
	}
	s := &sandbox{word: "right"}
	o.Sandbox, o.NumFewshot, o.Out = s, 3, filepath.Join(dir, "out") // the task takes no examples
	m.Answers = map[byte]string{'1': " return right\nprint(1)", '2': " return wrong\n#"}
	r, err := eval.Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Results["humaneval"]["pass@1,create_test"] != 0.5 || r.NShot["humaneval"] != 0 {
		t.Errorf("results %v, %d examples", r.Results["humaneval"], r.NShot["humaneval"])
	}
	if ends := r.Ends()["humaneval"]; ends["yes"] != 1 || ends["no"] != 1 {
		t.Errorf("ends of programs: %v", ends)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "humaneval: programs ended: 1 no, 1 yes\n") {
		t.Errorf("%s%v", text.String(), err)
	}
	if b, err := os.ReadFile(filepath.Join(o.Out, "samples_humaneval.jsonl")); err != nil || strings.Count(string(b), `, "end": "no"}`) != 1 {
		t.Errorf("samples %s, %v", b, err)
	}
	if want := "def f():1 return right\ndef check(f): pass\ncheck(f)"; len(s.programs) != 2 || !slices.Contains(s.programs, want) {
		t.Errorf("programs %q, want %q among them", s.programs, want)
	}
}

func TestTasksThatRunCode(t *testing.T) {
	for _, c := range []struct {
		names   []string
		runs    bool
		modules string
	}{
		{[]string{"arc_easy"}, false, "[]"}, {[]string{"arc_easy", "humaneval"}, true, "[]"},
		{[]string{"humaneval", "humaneval_plus"}, true, "[numpy]"},
	} {
		found, err := Find(c.names...)
		if err != nil {
			t.Fatal(err)
		}
		if runs, modules := eval.RunsCode(found); runs != c.runs || fmt.Sprint(modules) != c.modules {
			t.Errorf("%v: %v %v, want %v %s", c.names, runs, modules, c.runs, c.modules)
		}
	}
}

func TestFind(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
		"own.yaml": "{name: own, data: d.jsonl, context: '{q}', target: '{a}'}", "bad.json": "{}",
	})
	found, err := Find("hendrycks_math500", "math500", filepath.Join(dir, "own.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"hendrycks_math500", "math500", "own"} {
		if found[i].Name != want {
			t.Errorf("task %d is %s, want %s", i, found[i].Name, want)
		}
	}
	for name, want := range map[string]string{
		"mystery": "Names shows all", "arc_esay": `did you mean "arc_easy"?`, "arc_c": `did you mean "arc_challenge"?`,
		filepath.Join(dir, "bad.json"):  "name and data are needed",
		filepath.Join(dir, "none.json"): "no such file",
	} {
		if _, err := Find("arc_easy", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
}

func TestFindByGroupAndPattern(t *testing.T) {
	groups := func(task eval.Task) (names []string) {
		for _, g := range task.Groups {
			names = append(names, g.Name)
		}
		return names
	}
	for _, c := range []struct {
		names  []string
		count  int
		first  string
		groups []string // of the first
	}{
		{[]string{"arc_*"}, 2, "arc_easy", nil},
		{[]string{"arc_*", "arc_easy", "arc_?asy"}, 2, "arc_easy", nil},
		{[]string{"mmlu_stem"}, 19, "mmlu_abstract_algebra", []string{"mmlu_stem"}},
		{[]string{"mmlu_anatomy"}, 1, "mmlu_anatomy", nil},
		{[]string{"mmlu_anatomy", "mmlu_stem", "mmlu"}, 57, "mmlu_anatomy", []string{"mmlu", "mmlu_stem"}},
		{[]string{"mmlu", "mmlu_anatomy", "mmlu_stem"}, 57, "mmlu_formal_logic", []string{"mmlu", "mmlu_humanities"}},
		{[]string{"mmlu_*"}, 71, "mmlu_formal_logic", []string{"mmlu_humanities"}},
		{[]string{"mmlu_college_[b-c]*"}, 3, "mmlu_college_biology", nil},
	} {
		found, err := Find(c.names...)
		if err != nil {
			t.Errorf("%v: %v", c.names, err)
			continue
		}
		if len(found) != c.count || found[0].Name != c.first || !slices.Equal(groups(found[0]), c.groups) {
			t.Errorf("%v: %d tasks, the first is %s in %v; want %+v", c.names, len(found), found[0].Name, groups(found[0]), c)
		}
	}
	for name, want := range map[string]string{
		"mmlu_stam": `did you mean "mmlu_stem"?`, "ark_eas*": `no task fits the pattern "ark_eas*"`, "arc_[": "syntax error in pattern",
	} {
		if _, err := Find("piqa", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", name, err, want)
		}
	}
}

func TestHeldOutDocumentsAreMissing(t *testing.T) {
	m, o := options(t, heldOut)
	if _, err := eval.Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "held-out") {
		t.Errorf("no folder: %v", err)
	}
}
