package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/eval/published"
)

// smallSets are a few rows of two sets in their plain files.
func smallSets(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"arc_easy_test.jsonl":      `{"question":"The fox","choices":["sleeps","is not a cat"],"gold":0}` + "\n" + `{"question":"A cat","choices":["eats","runs"],"gold":1}` + "\n",
		"arc_challenge_test.jsonl": `{"question":"The fox","choices":["sleeps","is not a cat"],"gold":1}` + "\n" + `{"question":"` + strings.Repeat("A cat ", 500) + `","choices":["eats","runs"],"gold":1}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tableResults are the file that the command leaves.
type tableResults struct {
	Table  string
	Models []published.Outcome
}

func readTable(t *testing.T, path string) tableResults {
	t.Helper()
	var r tableResults
	if err := json.Unmarshal([]byte(readFile(t, path)), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// A table is measured on what is at hand; what cannot be measured is listed, and the
// second time the cache answers.
func TestReproTable(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	gguf, out := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "out")
	mustTrit(t, "convert", run, gguf)
	smallSets(t, dir)
	args := []string{"repro", "b1.58-zero-shot", "--out", out, "--model", gguf, "--model", run, "--beside", "3B", "--tasks", "arc_easy,arc_challenge", "--data-dir", dir, "--allow-partial"}
	code, shown, stderr := trit(args...)
	if code != cmdline.ExitOK || !strings.Contains(shown, gguf+", beside the published values of 3B") {
		t.Fatalf("exit code %d: %s%s", code, shown, stderr)
	}
	if !strings.Contains(shown, "arc_challenge: 2 of 4 requests were cut on the left") {
		t.Errorf("cut requests are not named: %s", shown)
	}
	r := readTable(t, filepath.Join(out, "b1.58-zero-shot.json"))
	if len(r.Models) != 2 || len(r.Models[0].Cells) != 8 {
		t.Fatalf("%+v", r)
	}
	var direct struct {
		Results map[string]map[string]any
	}
	mustTrit(t, "eval", gguf, "--tasks", "arc_easy", "--data-dir", dir, "--allow-partial", "--out", filepath.Join(dir, "direct"))
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(dir, "direct", "results.json"))), &direct); err != nil {
		t.Fatal(err)
	}
	for i, m := range r.Models {
		for _, c := range m.Cells {
			switch {
			case c.Task == "arc_easy" && (c.Measured == nil || *c.Measured != 100*direct.Results["arc_easy"]["acc,none"].(float64) || c.Documents != 2 || c.Published["paper"] != 61.4):
				t.Errorf("model %d: %+v, want %v", i, c, direct.Results)
			case c.Task == "arc_challenge" && (c.Measured == nil || *c.Measured != *r.Models[0].Cells[2].Measured):
				t.Errorf("model %d: %+v", i, c)
			case !strings.HasPrefix(c.Task, "arc") && c.NotMeasured != "not among --tasks":
				t.Errorf("model %d: %+v", i, c)
			}
		}
	}
	if md := readFile(t, filepath.Join(out, "b1.58-zero-shot.md")); !strings.Contains(md, "## "+run+"\n") || !strings.Contains(md, "\n* not measured: PPL, HS, BQ, OQ, PQ, WGe: not among --tasks\n") {
		t.Errorf("%s", md)
	}
	before := readFile(t, filepath.Join(out, "requests.jsonl"))
	if code, again, stderr := trit(args...); code != cmdline.ExitOK || again != shown {
		t.Errorf("the second time: exit code %d: %s%s", code, again, stderr)
	}
	if after := readFile(t, filepath.Join(out, "requests.jsonl")); after != before {
		t.Error("the second time the model was asked again")
	}
}

func TestReproTableListsWhatIsNotMeasured(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	smallSets(t, dir)
	url, _ := serveHub(t, nil, new([]string))
	out := filepath.Join(dir, "out")
	code, shown, stderr := trit("repro", "2b-4t", "--out", out, "--model", run, "--tasks", "arc_easy,boolq,gsm8k,humaneval_plus,mt_bench", "--data-dir", dir, "--limit", "1", "--allow-partial", "--endpoint", url)
	if code != cmdline.ExitFailed || !strings.Contains(lastLine(stderr), "not measured: BoolQ of "+run) {
		t.Errorf("exit code %d: %s%s", code, shown, stderr)
	}
	got := map[string]published.Cell{}
	for _, c := range readTable(t, filepath.Join(out, "2b-4t.json")).Models[0].Cells {
		if _, again := got[c.Title]; !again {
			got[c.Title] = c
		}
	}
	for title, want := range map[string]string{
		"ARC-E": "", "ARC-C": "not among --tasks", "MMLU": "not among --tasks", "MT-bench": "another model judges the answers, which --judge names", "GSM8K": "no chat template", "HumanEval+": "--allow-code-execution", "BoolQ": "there is no dataset aps/super_glue",
	} {
		c, ok := got[title]
		if !ok || (c.Measured != nil) != (want == "") || !strings.Contains(c.NotMeasured, want) || c.Published["paper"] == 0 {
			t.Errorf("%s: %+v, want %q", title, c, want)
		}
	}
}

func TestReproTableFlags(t *testing.T) {
	for args, want := range map[string]string{
		"repro 2b-4t":                         "out",
		"repro 2b-4t --out o --tasks sciq":    `--tasks is "sciq": want arc_challenge`,
		"repro 2b-4t --out o --beside 7B":     `--beside is "7B": want 2B-4T`,
		"repro 2b-4t m.gguf --out o":          "one argument too many",
		"repro table2":                        "no command",
		"repro 2b-4t --out o --allow-weak-is": "allow-weak-is",
	} {
		if code, _, stderr := trit(strings.Fields(args)...); code != cmdline.ExitUsage || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit %s: exit code %d and %q, want %q in one line", args, code, stderr, want)
		}
	}
}
