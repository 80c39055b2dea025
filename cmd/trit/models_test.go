package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// Every command that takes a model takes a GGUF file, a folder, a run and a model of the Hub, and
// says what it took of a run.
func TestEveryDoorTakesEveryModel(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	best := filepath.Join(run, "best")
	file := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", run, file)
	files := map[string]string{}
	entries, err := os.ReadDir(best)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files[e.Name()] = readFile(t, filepath.Join(best, e.Name()))
	}
	packed := filepath.Join(dir, "hub")
	if err := os.MkdirAll(packed, 0o755); err != nil {
		t.Fatal(err)
	}
	url, _ := serveHub(t, map[string]map[string]string{
		"models/org/net": files, "models/org/packed": {"m.gguf": readFile(t, file), "README.md": "x"},
	}, new([]string))
	t.Setenv("HF_ENDPOINT", url)
	t.Setenv("HF_HUB_CACHE", packed)
	text := ""
	for _, name := range []string{file, best, run, "org/net", "org/net@main", "org/packed", "org/packed/m.gguf"} {
		for _, args := range doorsOf(t, name) {
			code, out, stderr := trit(args...)
			if code != cmdline.ExitOK {
				t.Errorf("%v: exit code %d, %s", args, code, stderr)
			}
			if said := strings.Contains(stderr, "best, the best of the run by held-out loss, step 4"); said != (name == run) {
				t.Errorf("%v: %s", args, stderr)
			}
			if args[0] == "run" && text == "" {
				text = out
			}
			if args[0] == "run" && out != text {
				t.Errorf("%v: %q, want %q", args, out, text)
			}
		}
	}
}

// A folder of packed weights is measured on the engine.
func TestEvalOfPackedFolders(t *testing.T) {
	folder := checkpoints + "hf-bitnet-packed"
	code, want, _ := trit("eval", goldenGGUF(t, "hf-bitnet-packed"), "--tasks", aTask(t))
	if code != cmdline.ExitOK {
		t.Fatal(want)
	}
	code, got, stderr := trit("eval", folder, "--tasks", aTask(t))
	if table := func(s string) string { return strings.Split(s, "\ntask: ")[0] }; code != cmdline.ExitOK || table(got) != table(want) || !strings.Contains(stderr, "converted to a temporary GGUF file") {
		t.Errorf("exit code %d, %s%s, want %s", code, got, stderr, want)
	}
}

// The best model of a run is taken before its newest checkpoint.
func TestRunsAreTheirBestModel(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	if code, out, stderr := trit("inspect", run); code != cmdline.ExitOK || !strings.Contains(out+stderr, filepath.Join(run, "best")) {
		t.Errorf("exit code %d, %s%s", code, out, stderr)
	}
	if err := os.RemoveAll(filepath.Join(run, "best")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := trit("run", run, "-p", "Hi", "-n", "2"); code != cmdline.ExitOK || !strings.Contains(stderr, "step-00000004, the newest checkpoint of the run, which has no best model") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	trit("run", run, "-p", "Hi", "-n", "2")
	trit("bench", run, "--prompt", "2", "--generate", "1", "--repeat", "1")
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
