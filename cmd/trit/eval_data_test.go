package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/format/hffolder"
)

// readFile is the text of a file, which must be there.
func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// openBookRows are as many documents as the set's test split has, in the Hub's columns.
func openBookRows() string {
	var rows strings.Builder
	for i := range 500 {
		fmt.Fprintf(&rows, `{"id":"%d","question_stem":"The fox %d","choices":{"text":["sleeps","runs","eats","sees"],"label":["A","B","C","D"]},"answerKey":"%c"}`+"\n", i, i, 'A'+i%4)
	}
	return rows.String()
}

// servedModel is a small model as a local file, and a Hub that has it in several forms,
// with the questions of OpenBookQA.
func servedModel(t *testing.T, dir string, paths *[]string) (gguf, url string) {
	t.Helper()
	run, _ := smallRun(t, dir)
	gguf = filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", run, gguf)
	newest, err := hffolder.Resolve(run)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(newest, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	masters := map[string]string{"pytorch_model.bin": "not read"}
	for _, f := range files {
		masters[filepath.Base(f)] = readFile(t, f)
	}
	url, _ = serveHub(t, map[string]map[string]string{
		"models/org/gguf":    {"README.md": "", "config.json": "{}", "q/model-i2_s.gguf": readFile(t, gguf)},
		"models/org/two":     {"a.gguf": "", "b.gguf": readFile(t, gguf)},
		"models/org/masters": masters,
		"datasets/allenai/openbookqa@main": {"README.md": "", "openbookqa.py": "", "main/train-00000-of-00001.jsonl": "x",
			"main/test-00000-of-00001.jsonl": openBookRows(), "additional/test-00000-of-00001.jsonl": "x"},
	}, paths)
	return gguf, url
}

// A model and the questions come from the Hub, only the files that are needed, and the
// second time from the cache alone.
func TestEvalFetchesModelAndData(t *testing.T) {
	dir, paths := t.TempDir(), new([]string)
	gguf, url := servedModel(t, dir, paths)
	evaluate := func(model string, flags ...string) (code int, results, stderr string) {
		return trit(append([]string{"eval", model, "--tasks", "openbookqa", "--limit", "3", "--hub-cache", filepath.Join(dir, "hub"), "--endpoint", url}, flags...)...)
	}
	code, local, stderr := evaluate(gguf)
	if code != cmdline.ExitOK || !strings.Contains(stderr, "data: allenai/openbookqa@main of "+url) {
		t.Fatalf("a local model: exit code %d, %s", code, stderr)
	}
	for _, p := range *paths {
		if strings.Contains(p, "/resolve/") && !strings.HasSuffix(p, "/main/test-00000-of-00001.jsonl") {
			t.Errorf("fetched without need: %s", p)
		}
	}
	for model, want := range map[string]string{"org/gguf": "q/model-i2_s.gguf", "org/gguf/q/model-i2_s.gguf": "q/model-i2_s.gguf", "org/two/b.gguf": "b.gguf"} {
		code, out, stderr := evaluate(model)
		if code != cmdline.ExitOK || table(out) != table(local) || !strings.Contains(stderr, want+"\n") {
			t.Errorf("%s: exit code %d, %s%s, want as locally %s", model, code, out, stderr, local)
		}
	}
	if code, out, stderr := evaluate("org/masters"); code != cmdline.ExitOK || !strings.Contains(out, "openbookqa") {
		t.Errorf("masters: exit code %d, %s", code, stderr)
	}
	if slices.ContainsFunc(*paths, func(p string) bool { return strings.HasSuffix(p, ".bin") }) {
		t.Error("weights were fetched that are not read")
	}
	asked := len(*paths)
	if code, out, stderr := evaluate("org/gguf", "--offline"); code != cmdline.ExitOK || table(out) != table(local) || len(*paths) != asked {
		t.Errorf("offline: exit code %d, %d requests, %s%s", code, len(*paths)-asked, out, stderr)
	}
	for model, want := range map[string]string{
		"org/two": "several GGUF files, name one of them: ", "org/gguf/none.gguf": "none of the files", "org/none": "no model org/none", "none": "OWNER/NAME/FILE.gguf", "a/b/c": "OWNER/NAME/FILE.gguf",
	} {
		if code, _, stderr := evaluate(model); code != cmdline.ExitFailed || !strings.Contains(lastLine(stderr), want) {
			t.Errorf("%s: exit code %d, %s, want %q", model, code, stderr, want)
		}
	}
}

// table is what stands above the times.
func table(out string) string {
	text, _, _ := strings.Cut(out, "openbookqa: ")
	return text
}

// A set that is a script in its repository is taken from the Hub's copy in parquet.
func TestEvalFetchesTheHubsOwnCopy(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	paths := new([]string)
	url, _ := serveHub(t, map[string]map[string]string{
		"datasets/allenai/openbookqa@main":                 {"openbookqa.py": ""},
		"datasets/allenai/openbookqa@refs/convert/parquet": {"main/test.jsonl": openBookRows(), "additional/test.jsonl": ""},
		"datasets/Rowan/hellaswag@main":                    {"hellaswag.py": ""},
	}, paths)
	args := []string{"eval", run, "--limit", "2", "--hub-cache", filepath.Join(dir, "hub"), "--endpoint", url, "--tasks"}
	if code, _, stderr := trit(append(args, "openbookqa")...); code != cmdline.ExitOK || !strings.Contains(stderr, "allenai/openbookqa@refs/convert/parquet") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, _, stderr := trit(append(args, "hellaswag")...); code != cmdline.ExitFailed || !strings.Contains(stderr, "none of the files that are wanted; it has 1 files: hellaswag.py") {
		t.Errorf("no copy: exit code %d, %s", code, stderr)
	}
}

func TestEvalOfFoldersOfGGUFFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one/a.gguf", "two/a.gguf", "two/b.gguf"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		os.WriteFile(filepath.Join(dir, name), []byte("GGUF"), 0o644)
	}
	for name, want := range map[string]string{"one": "a.gguf", "two": "name one of them: a.gguf, b.gguf"} {
		if code, _, stderr := trit("eval", filepath.Join(dir, name), "--tasks", "arc_easy"); code != cmdline.ExitFailed || !strings.Contains(lastLine(stderr), want) {
			t.Errorf("%s: exit code %d, %s, want %q", name, code, stderr, want)
		}
	}
}
