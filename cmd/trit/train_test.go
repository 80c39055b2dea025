package main

import (
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// Errors of training and watching name the flags that the user types, in one line.
func TestTrainErrorsNameFlags(t *testing.T) {
	dir := t.TempDir()
	data, run := smallData(t, dir), filepath.Join(dir, "run")
	args := func(out, steps string, more ...string) []string {
		return append([]string{"train", "--config", "trit-1m", "--set", "num_hidden_layers=1", "--data", data, "--out", out, "--max-steps", steps}, more...)
	}
	mustTrit(t, args(run, "2")...)
	for want, line := range map[string][]string{
		"holds a run already: --resume goes on with it, or name another --out": args(run, "2"),
		"max_steps is 0 and no time is set: set max_steps or --max-time":       args(filepath.Join(dir, "b"), "0"),
		"with --init, --config may be left out or hold the recipe alone":       args(filepath.Join(dir, "c"), "2", "--init", run, "--set", "hidden_act=silu"),
		"objective is dpo, but " + data + " holds no preferences":              args(filepath.Join(dir, "d"), "2", "--set", "objective=dpo", "--set", "dpo_beta=0.1"),
		"has no metrics.jsonl: name the folder of a run, the --out of its":     {"watch", data},
	} {
		code, _, stderr := trit(line...)
		if code != cmdline.ExitFailed || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: code %d, %q, want %q", line, code, stderr, want)
		}
	}
}

// A recipe needs a model to be laid over.
func TestARecipeNeedsAModel(t *testing.T) {
	if code, _, stderr := trit("train", "--config", "dpo", "--data", "d", "--out", t.TempDir()); code != cmdline.ExitUsage ||
		!strings.Contains(stderr, "--config dpo is a recipe without a model: name the model with --init DIR") {
		t.Errorf("code %d, %q", code, stderr)
	}
}
