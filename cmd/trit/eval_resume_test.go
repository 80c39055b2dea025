package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
)

// subjects writes questions of some subjects of MMLU, in the columns of the set.
func subjects(t *testing.T, dir string, each int) (names []string) {
	t.Helper()
	for _, subject := range []string{"anatomy", "virology", "marketing"} {
		names = append(names, "mmlu_"+subject)
		for split, n := range map[string]int{"dev": 5, "test": each} {
			var rows strings.Builder
			for i := range n {
				fmt.Fprintf(&rows, `{"question":"In %s, what is number %d?","choices":["the %d","a %d","no %d","all"],"answer":%d}`+"\n", subject, i, i*7%11, i*5%13, i%3, i%4)
			}
			if err := os.WriteFile(filepath.Join(dir, "mmlu_"+subject+"_"+split+".jsonl"), []byte(rows.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return names
}

// outputsOf are the results and the samples of an evaluation.
func outputsOf(t *testing.T, out string, tasks []string) string {
	t.Helper()
	all := readResults(t, out)
	for _, task := range tasks {
		all += readFile(t, filepath.Join(out, "samples_"+task+".jsonl"))
	}
	return all
}

// The scores are the same whatever the batches, the threads and the order of the tasks, and however often the evaluation
// is killed: the same command goes on.
func TestEvalGoesOnAfterKills(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	model := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", trained, model)
	names := subjects(t, dir, 120)
	args := func(out string, tasks []string, more ...string) []string {
		return append([]string{
			"eval", model, "--tasks", strings.Join(tasks, ","), "--data-dir", dir, "--allow-partial", "--num-fewshot", "1", "--out", filepath.Join(dir, out),
		}, more...)
	}
	mustTrit(t, args("whole", names)...)
	want := outputsOf(t, filepath.Join(dir, "whole"), names)
	if strings.Count(want, `"acc": 1.0`) < 10 {
		t.Fatal("hardly anything is right")
	}
	for i, more := range [][]string{{"--batch", "1"}, {"--batch", "7", "--threads", "1"}, {"--threads", "2"}} {
		out := fmt.Sprint("other", i)
		mustTrit(t, args(out, []string{names[2], names[0], names[1]}, more...)...)
		if outputsOf(t, filepath.Join(dir, out), names) != want {
			t.Errorf("with %v, and the tasks in another order, the results are others", more)
		}
	}
	killed := args("killed", names, "--batch", "1")
	requests := filepath.Join(dir, "killed", "requests.jsonl")
	for kills, before := 0, 0; kills < 3; kills++ {
		p := startProgram(t, io.Discard, killed...)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			b, _ := os.ReadFile(requests)
			if n := bytes.Count(b, []byte("\n")); n > before+50 {
				before = n
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no results of requests: %s", p.log.String())
			}
		}
		p.kill()
		if _, err := os.Stat(filepath.Join(dir, "killed", "results.json")); err == nil {
			t.Fatal("it was done before it was killed")
		}
	}
	code, stdout, stderr := trit(killed...)
	if code != cmdline.ExitOK || !regexp.MustCompile(`[1-9]\d* of them cached`).MatchString(stdout) {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if outputsOf(t, filepath.Join(dir, "killed"), names) != want {
		t.Error("after three kills the results are others")
	}
	if _, err := os.Stat(requests); !os.IsNotExist(err) {
		t.Errorf("the requests stay: %v", err)
	}
}

// Of several models, those that are measured stay, and the same command goes on with the others.
func TestEvalGoesOnWithTheOtherModels(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	a, b := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf")
	mustTrit(t, "convert", trained, a)
	mustTrit(t, "convert", trained, b, "--embedding-type", "q8_0")
	names := subjects(t, dir, 5)
	out := filepath.Join(dir, "out")
	args := []string{"eval", a, b, "--tasks", strings.Join(names, ","), "--data-dir", dir, "--allow-partial", "--num-fewshot", "0", "--out", out}
	mustTrit(t, args...)
	first, second := filepath.Join(out, "1-a.gguf"), filepath.Join(out, "2-b.gguf")
	want := outputsOf(t, first, names) + outputsOf(t, second, names)
	if code, _, stderr := trit(args...); code != cmdline.ExitFailed || !strings.Contains(stderr, "holds results") {
		t.Errorf("again: exit code %d: %s", code, stderr)
	}
	if err := os.RemoveAll(second); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := trit(args...)
	if code != cmdline.ExitOK || !strings.Contains(stderr, "mmlu_anatomy: its results are in "+first+" already") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if outputsOf(t, first, names)+outputsOf(t, second, names) != want {
		t.Error("the results are others")
	}
}
