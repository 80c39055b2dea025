package main

import (
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/eval/published"
)

// hasNumPy reports whether some Python here can run HumanEval+.
func hasNumPy() bool {
	return slices.ContainsFunc([]string{"python3", "/usr/bin/python3"}, func(python string) bool {
		return exec.Command(python, "-c", "import numpy").Run() == nil
	})
}

// All sixteen columns of the paper are measured, each in all its readings: with a small model, data of a
// Hub, a sandbox and a stand-in for the judge.
func TestReproSixteenColumns(t *testing.T) {
	dir := t.TempDir()
	gguf := talkingModel(t, dir)
	url, _ := serveHub(t, sampleSets(t, 12), new([]string))
	s, judge := serveJudge(t)
	out := filepath.Join(dir, "out")
	args := []string{
		"repro", "2b-4t", "--out", out, "--model", gguf, "--limit", "2", "--allow-partial", "--max-gen-toks", "8", "--endpoint", url,
		"--hub-cache", filepath.Join(dir, "hub"), "--judge", judge, "--judge-model", "wise",
	}
	if hasNumPy() {
		args = append(args, "--allow-code-execution")
	}
	code, shown, stderr := trit(args...)
	cells := readTable(t, filepath.Join(out, "2b-4t.json")).Models[0].Cells
	if code != cmdline.ExitOK {
		t.Fatalf("exit code %d: %s%s", code, shown, stderr)
	}
	measured := map[string]int{}
	for _, c := range cells {
		if strings.HasPrefix(c.Title, "HumanEval") && !hasNumPy() {
			continue
		}
		if c.Measured == nil || math.IsNaN(*c.Measured) || c.Documents == 0 {
			t.Errorf("%s is not measured: %+v", c.Label(), c)
			continue
		}
		measured[c.Title]++
		if want := map[string]int{"MMLU": 2 * 57}[c.Title]; want > 0 && c.Documents != want || want == 0 && c.Documents != 2 {
			t.Errorf("%s: %d documents", c.Label(), c.Documents)
		}
		if c.Title == "MT-bench" && (*c.Measured < 1 || *c.Measured > 10 || c.Unit != published.Points) {
			t.Errorf("MT-bench: %+v", c)
		}
	}
	if table, _ := published.Load("2b-4t"); hasNumPy() && len(measured) != 16 || len(cells) != len(table.Columns) {
		t.Errorf("%d columns are measured: %v", len(measured), measured)
	}
	for _, title := range []string{"TruthfulQA", "TriviaQA", "GSM8K"} {
		if measured[title] != 2 {
			t.Errorf("%s has %d readings", title, measured[title])
		}
	}
	if s.asked != 4 {
		t.Errorf("%d judgments, want 4", s.asked)
	}
	asked, requests := s.asked, readFile(t, filepath.Join(out, "requests.jsonl"))
	_, again, stderr := trit(args...)
	if again != shown || s.asked != asked || readFile(t, filepath.Join(out, "requests.jsonl")) != requests {
		t.Errorf("the second time: %d judgments: %s%s", s.asked, again, stderr)
	}
}
