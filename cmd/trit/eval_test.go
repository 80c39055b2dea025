package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/data/world"
	"trit/eval"
	"trit/eval/seeds"
	"trit/eval/suites"
	"trit/eval/tasks"
)

func TestEvalListNamesAllTasks(t *testing.T) {
	code, out, stderr := trit("eval", "list", "--all")
	for _, name := range append(tasks.Names(), suites.Names()...) {
		if code != cmdline.ExitOK || !strings.Contains(out, "\n"+name+" ") {
			t.Errorf("%s is not in the list: %s%s", name, out, stderr)
		}
	}
	if _, short, _ := trit("eval", "list"); !strings.Contains(short, "\nmmlu ") || !strings.Contains(short, " 14042 ") || strings.Contains(short, "mmlu_virology") {
		t.Errorf("without --all, a group does not stand for its tasks: %s", short)
	}
}

// smallRun trains a model of two layers for four steps.
func smallRun(t *testing.T, dir string) (run, data string) {
	t.Helper()
	run, data = filepath.Join(dir, "run"), smallData(t, dir)
	mustTrit(t, "train", "--config", "trit-1m", "--data", data, "--out", run, "--max-steps", "4", "--set", "num_hidden_layers=2", "--precision", "float32")
	return run, data
}

// A checkpoint and what it was converted to are scored by one command, which tells what
// they differ in; stopped and begun again, and with other batches, with the same results.
func TestEvalBeforeAndAfterConversion(t *testing.T) {
	dir := t.TempDir()
	run, data := smallRun(t, dir)
	if err := world.Generate(world.Options{Seed: 1, Documents: 150, Questions: 12}).Write(dir); err != nil {
		t.Fatal(err)
	}
	gguf := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", run, gguf)
	tasks := strings.Join([]string{tasks.BitsPerByte, filepath.Join(dir, world.YesNoTask), filepath.Join(dir, world.FourWayTask)}, ",")
	out, cache := filepath.Join(dir, "out"), filepath.Join(dir, "cache.jsonl")
	args := []string{"eval", run, gguf, "--tasks", tasks, "--data-dir", data, "--out", out, "--use-cache", cache}
	code, first, stderr := trit(args...)
	if code != cmdline.ExitOK || !strings.Contains(first, "McNemar") || !strings.Contains(first, "four_way") {
		t.Fatalf("exit code %d: %s%s", code, first, stderr)
	}
	scored := readResults(t, filepath.Join(out, "1-run"), filepath.Join(out, "2-m.gguf"))
	os.RemoveAll(out)
	code, second, stderr := trit(append(args, "--batch", "3")...)
	if code != cmdline.ExitOK || !strings.Contains(second, "all of them cached") {
		t.Fatalf("the second time: exit code %d: %s%s", code, second, stderr)
	}
	if again := readResults(t, filepath.Join(out, "1-run"), filepath.Join(out, "2-m.gguf")); again != scored {
		t.Errorf("from the cache %s, want %s", again, scored)
	}
	if err := errors.Join(os.Remove(cache), os.RemoveAll(out)); err != nil {
		t.Fatal(err)
	}
	mustTrit(t, append(args, "--batch", "3", "--threads", "1")...)
	if again := readResults(t, filepath.Join(out, "1-run"), filepath.Join(out, "2-m.gguf")); again != scored {
		t.Errorf("in batches of 3 on one thread %s, want %s", again, scored)
	}
	code, compared, stderr := trit("eval", "compare", filepath.Join(out, "1-run"), filepath.Join(out, "2-m.gguf"), "--json")
	var c eval.Comparison
	if err := json.Unmarshal([]byte(compared), &c); code != cmdline.ExitOK || err != nil || len(c.Rows) != 6 {
		t.Errorf("compare: exit code %d, %v: %s%s", code, err, compared, stderr)
	}
}

// One command converts, scores both, and says the same as two commands.
func TestEvalConverted(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	run, data := smallRun(t, dir)
	gguf, out, cache := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "out"), filepath.Join(dir, "cache")
	mustTrit(t, "convert", run, gguf, "--type", "i2_s", "--embedding-type", "q8_0")
	mustTrit(t, "eval", run, gguf, "--tasks", tasks.BitsPerByte, "--data-dir", data, "--out", out)
	want := readResults(t, filepath.Join(out, "1-run"), filepath.Join(out, "2-m.gguf"))
	t.Setenv("TMPDIR", tmp)
	os.RemoveAll(out)
	args := []string{"eval", run, "--converted", "--type", "i2_s", "--embedding-type", "q8_0", "--tasks", tasks.BitsPerByte, "--data-dir", data, "--out", out, "--use-cache", cache}
	code, first, stderr := trit(args...)
	if code != cmdline.ExitOK || !strings.Contains(first, "A = "+run+"\nB = "+run+", converted to i2_s\n") {
		t.Fatalf("exit code %d: %s%s", code, first, stderr)
	}
	if got := readResults(t, filepath.Join(out, "1-run"), filepath.Join(out, "2-converted")); got != want {
		t.Errorf("results %s, want %s", got, want)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	os.RemoveAll(out)
	if code, second, stderr := trit(args...); code != cmdline.ExitOK || strings.Count(second, "all of them cached") != 2 {
		t.Errorf("the second time: exit code %d: %s%s", code, second, stderr)
	}
	for flags, want := range map[string]string{
		gguf + " --converted": "is no folder of weights", run + " " + gguf + " --converted": "takes one checkpoint", "http://h/v1 --converted": "takes one checkpoint",
		gguf + " --type tq1_0": "they need --converted",
	} {
		if code, _, stderr := trit(append([]string{"eval", "--tasks", "x"}, strings.Fields(flags)...)...); code != cmdline.ExitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s, want %q", flags, code, stderr, want)
		}
	}
	if code, _, stderr := trit("eval", run, "--converted", "--type", "q3", "--tasks", tasks.BitsPerByte, "--data-dir", data); code != cmdline.ExitFailed || !strings.Contains(stderr, "converting "+run) {
		t.Errorf("an unknown type: exit code %d, %s", code, stderr)
	}
}

// readResults are the results of several folders.
// A folder of a model that the training graph does not have is scored as the GGUF file that it converts to.
func TestEvalOfAFolderThatOnlyTheEngineRuns(t *testing.T) {
	const folder = "../../testdata/checkpoints/hf-qwen35"
	dir := t.TempDir()
	if err := world.Generate(world.Options{Seed: 1, Documents: 150, Questions: 12}).Write(dir); err != nil {
		t.Fatal(err)
	}
	gguf, out := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "out")
	mustTrit(t, "convert", folder, gguf)
	code, _, stderr := trit("eval", folder, gguf, "--tasks", filepath.Join(dir, world.YesNoTask), "--out", out)
	if code != cmdline.ExitOK || !strings.Contains(stderr, "converted to a temporary GGUF file") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if of, want := readResults(t, filepath.Join(out, "1-hf-qwen35")), readResults(t, filepath.Join(out, "2-m.gguf")); of != want {
		t.Errorf("the folder has %s, its file %s", of, want)
	}
}

func readResults(t *testing.T, dirs ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "results.json"))
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Results map[string]map[string]any
		}
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r.Results)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// Errors of package eval name its options, and here the flags that set them.
func TestEvalErrorsNameFlags(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	model := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", run, model)
	if err := os.WriteFile(filepath.Join(dir, "cache"), []byte("notes\nof mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	hub := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(hub.Close)
	for flags, want := range map[string]string{
		"--tasks arc_easy --fewshot-as-multiturn":            "--fewshot-as-multiturn makes turns of a chat: it needs --apply-chat-template",
		"--tasks bits_per_byte":                              "with held-out documents, with --data-dir",
		"--tasks arc_easy --data-dir " + dir + "/none":       "--data-dir: there is no file or folder " + dir + "/none",
		"--tasks boolq --endpoint " + hub.URL:                "; --data-dir names a folder that has it",
		"--tasks arc_easy --use-cache " + dir + "/cache":     "delete it or name another with --use-cache",
		`--tasks boolq --samples {"boolq":[],"arc_easy":[]}`: `--samples names the task "arc_easy", which is not among those to run`,
	} {
		args := append([]string{"eval", model}, strings.Fields(flags)...)
		if code, _, stderr := trit(args...); code != cmdline.ExitFailed || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d and %q, want %q", flags, code, stderr, want)
		}
	}
	if code, _, stderr := trit("eval", "compare", dir, dir); code != cmdline.ExitFailed || !strings.Contains(stderr, "an evaluation with --out writes it") {
		t.Errorf("no results: exit code %d and %q", code, stderr)
	}
}

// Results in a folder are kept: the command refuses, before it opens a model, or adds to them.
func TestEvalKeepsResults(t *testing.T) {
	model, task, out := convertedTo(t, tokensGolden, "x.gguf"), aTask(t), t.TempDir()
	mustTrit(t, "eval", model, "--tasks", task, "--out", out)
	code, _, stderr := trit("eval", "none.gguf", "--tasks", task, "--out", out)
	if code != cmdline.ExitFailed || !strings.Contains(stderr, "holds results: results.json: name another folder with --out, or --append adds") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, text, stderr := trit("eval", model, "--tasks", task, "--out", out, "--append"); code != cmdline.ExitOK || !strings.Contains(stderr, "already (2 documents, 0-shot) and stay") {
		t.Errorf("--append: exit code %d, %s%s", code, text, stderr)
	}
	if code, _, stderr := trit("eval", model, "--tasks", task, "--append"); code != cmdline.ExitFailed || !strings.Contains(stderr, "it needs --out") {
		t.Errorf("--append alone: exit code %d, %s", code, stderr)
	}
}

// The spread between seeds is in the JSON and in the folder, and compare and report read it.
func TestEvalSeedsAsJSON(t *testing.T) {
	model, task, dir := convertedTo(t, tokensGolden, "x.gguf"), aTask(t), t.TempDir()
	var outs []string
	for _, name := range []string{"a", "b"} {
		out := filepath.Join(dir, name)
		outs = append(outs, out)
		code, text, stderr := trit("eval", model, "--tasks", task, "--num-fewshot", "1", "--fewshot-seeds", "5,6,7", "--out", out, "--json")
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		var printed struct {
			Results map[string]any
			seeds.File
		}
		if err := json.Unmarshal([]byte(text), &printed); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		written, err := seeds.Read(out)
		if err != nil || len(written) == 0 || !reflect.DeepEqual(written, printed.Spreads) || printed.Results["task"] == nil {
			t.Errorf("written %+v, %v; printed %s", written, err, text)
		}
		if s := written[0]; s.Task != "task" || !slices.Equal(s.Seeds, []uint32{5, 6, 7}) || len(s.Scores) != 3 {
			t.Errorf("%+v", s)
		}
	}
	code, text, stderr := trit("eval", "compare", outs[0], outs[1], "--json")
	var c struct {
		eval.Comparison
		Seeds []seeds.Difference `json:"by_seed"`
	}
	if err := json.Unmarshal([]byte(text), &c); code != cmdline.ExitOK || err != nil || len(c.Rows) == 0 || len(c.Seeds) == 0 || c.Seeds[0].P != 1 {
		t.Errorf("exit code %d, %v: %s%s", code, err, text, stderr)
	}
	if _, text, _ := trit("eval", "compare", outs[0], outs[1]); !strings.Contains(text, "paired by seed") || !strings.Contains(text, "mean of A") {
		t.Error(text)
	}
	mustTrit(t, "eval", "report", outs[0], "--out", filepath.Join(dir, "report"))
	if text := readFile(t, filepath.Join(dir, "report", "report.md")); !strings.Contains(text, "| seed 5 | seed 6 | seed 7 |") {
		t.Error(text)
	}
}
