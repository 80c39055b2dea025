package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
	"trit/eval"
	"trit/eval/sandbox"
	"trit/eval/tasks"
	"trit/lm"
	"trit/repro"
	"trit/tokenizer"
)

// byteTokenizer has the 256 bytes and two tokens more.
func byteTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("a b c", nil) }, tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// writer is a model that answers each prompt with a text.
type writer struct {
	tok    *tokenizer.Tokenizer
	answer func(prompt string) string
}

func (w *writer) ContextLength() int { return 8192 }

func (w *writer) Score(context.Context, []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	panic("code is generated")
}

func (w *writer) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	var out [][]int32
	for _, r := range requests {
		out = append(out, w.tok.Encode(w.answer(w.tok.Decode(r.Prompt)), false))
	}
	return out, nil
}

// evaluateCode asks a code task as the command does, with programs of at most a timeout.
func evaluateCode(t *testing.T, task string, answer func(prompt string) string, o eval.Options, timeout time.Duration) *eval.Report {
	t.Helper()
	found, err := tasks.Find(task)
	if err != nil {
		t.Fatal(err)
	}
	_, modules := eval.RunsCode(found)
	s, err := openSandbox(&cmdline.Console{}, sandbox.Options{Modules: modules, Timeout: timeout})
	if err != nil {
		for _, lack := range []string{"not run", "no python3", "numpy"} {
			if strings.Contains(err.Error(), lack) {
				t.Skip(err)
			}
		}
		t.Fatal(err)
	}
	tok := byteTokenizer(t)
	m := &repro.Model{Model: &writer{tok, answer}, Tokenizer: tok}
	o.Tasks, o.Sandbox, o.NumFewshot = found, s, -1
	r, err := evaluate(t.Context(), m, &cmdline.Console{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a model writes is run with limits, and what runs into one scores 0.
func TestHarmfulAnswersScoreNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	came := make(chan struct{}, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			came <- struct{}{}
		}
	}()
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	outside := filepath.Join(dir, "outside")
	answers := map[string]string{
		"right":   "    return 2",
		"wrong":   "    return 3",
		"loop":    "    while True: pass",
		"bomb":    "    import os\n    while True:\n        try: os.fork()\n        except OSError: pass",
		"memory":  "    x = bytearray(10 * 10**9)\n    return 2",
		"network": fmt.Sprintf("    import socket\n    socket.create_connection(('127.0.0.1', %d))\n    return 2", l.Addr().(*net.TCPAddr).Port),
		"file":    fmt.Sprintf("    open(%q, 'w').write('x')\n    return 2", outside),
	}
	var rows strings.Builder
	for name := range answers {
		row := map[string]string{"task_id": name, "prompt": "def " + name + "():\n", "test": "def check(f):\n    assert f() == 2", "entry_point": name}
		if err := json.NewEncoder(&rows).Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "HumanEval.jsonl"), []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	r := evaluateCode(t, "humaneval", func(prompt string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(prompt, "def "), "(")
		return answers[name]
	}, eval.Options{DataDir: dir, AllowPartial: true}, time.Second)
	if got := r.Results["humaneval"]["pass@1,create_test"]; got != 1./7 {
		t.Errorf("pass@1 is %g, want the right one of 7", got)
	}
	if got := fmt.Sprint(r.Ends()["humaneval"]); got != "map[assertion:1 error:2 memory:1 passed:1 timeout:2]" {
		t.Errorf("ends of programs: %s", got)
	}
	if _, err := os.Stat(outside); !os.IsNotExist(err) {
		t.Errorf("%s was written (%v)", outside, err)
	}
	if len(came) > 0 {
		t.Error("a connection came from a program")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestCodeIsRunOnlyWhenAllowed(t *testing.T) {
	dir := t.TempDir()
	model, _ := smallRun(t, dir)
	row := `{"task_id":"x","prompt":"def f():","test":"def check(f): pass","entry_point":"f"}`
	if err := os.WriteFile(filepath.Join(dir, "HumanEval.jsonl"), []byte(row), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags, path, want string
		code              int
	}{
		{"", os.Getenv("PATH"), "--allow-code-execution", cmdline.ExitFailed},
		{"--allow-weak-isolation", os.Getenv("PATH"), "it needs --allow-code-execution", cmdline.ExitUsage},
		{"--allow-code-execution --allow-weak-isolation", dir, "there is no python3 on PATH", cmdline.ExitFailed},
	} {
		t.Setenv("PATH", c.path)
		code, _, stderr := trit(append(strings.Fields("eval "+model+" --tasks humaneval --data-dir "+dir), strings.Fields(c.flags)...)...)
		if code != c.code || lastLine(stderr) == "" || !strings.Contains(lastLine(stderr), c.want) {
			t.Errorf("%q: exit code %d and %q, want %d and %q", c.flags, code, stderr, c.code, c.want)
		}
	}
}
