package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// The tables of docs/planning.md are what the commands above them print.
func TestPlansInTheDocs(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "planning.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```sh\ntrit repro plan ")
	if len(blocks) < 3 {
		t.Fatalf("%d plans, want 2", len(blocks)-1)
	}
	for _, block := range blocks[1:] {
		line, rest, _ := strings.Cut(block, "\n```\n\n")
		args := strings.Fields(strings.ReplaceAll(line, "\\\n", " "))
		code, out, stderr := trit(append([]string{"repro", "plan"}, args...)...)
		if code != cmdline.ExitOK || !strings.HasPrefix(rest, out) {
			t.Errorf("%s prints, with code %d:\n%s%s", line, code, out, stderr)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	machine := "cores=64,int8=340,bf16=170"
	for want, args := range map[string][]string{
		"leave --network out":            {"train", "--config", "3b", "--dry-run", "--machine", machine, "--network", "5"},
		"--machine: there is no key":     {"train", "--config", "3b", "--dry-run", "--machine", "core=4"},
		"--machine belong to --dry-run":  {"train", "--config", "3b", "--data", "d", "--out", "o", "--machine", machine},
		"--nodes is":                     {"repro", "plan", "--machine", machine, "--nodes", "0"},
		"want cores, int8":               {"repro", "plan", "--machine", "cores=4"},
		"gradient_accumulation_steps is": {"repro", "plan", "--machine", machine, "--nodes", "3"},
		"set vocab_size":                 {"repro", "plan", "--machine", machine, "--configs", "trit-1m"},
		"there is no preset":             {"repro", "plan", "--machine", machine, "--configs", "4b"},
		"--tokens-per-weight is 0":       {"repro", "plan", "--machine", machine, "--tokens-per-weight", "0"},
		"--repeat run takes the recipe":  {"train", "--repeat", "run", "--out", "o", "--seed", "3"},
		"no run that can be repeated":    {"train", "--repeat", t.TempDir(), "--out", "o"},
	} {
		if code, _, stderr := trit(args...); code == cmdline.ExitOK || !strings.Contains(stderr, want) {
			t.Errorf("%v: code %d, want %q: %s", args, code, want, stderr)
		}
	}
}
