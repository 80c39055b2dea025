package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// watchedOutput calls seen once when a text has been written to it.
type watchedOutput struct {
	bytes.Buffer
	text string
	seen func()
}

func (w *watchedOutput) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if strings.Contains(w.String(), w.text) {
		w.seen()
	}
	return n, err
}

// A run that is stopped ends with a code of its own; its folder alone is enough to go on, to train it
// longer, and to convert it, and each command says what it takes.
func TestARunGoesOn(t *testing.T) {
	dir := t.TempDir()
	data, folder, packed := smallData(t, dir), filepath.Join(dir, "run"), filepath.Join(dir, "model.gguf")
	begin := []string{"train", "--config", "trit-1m", "--data", data, "--out", folder, "--max-time", "1h",
		"--set", "num_hidden_layers=1", "--set", "log_interval=1", "--set", "batch_size=2", "--set", "lr_schedule=constant"}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var out bytes.Buffer
	log := &watchedOutput{text: "step      3  loss", seen: stop}
	if code := run(ctx, append([]string{"trit"}, begin...), strings.NewReader(""), &out, log); code != cmdline.ExitStopped ||
		!strings.Contains(out.String(), "stopped and saved at step 3 after") ||
		!strings.Contains(out.String(), "trit train --resume --out "+folder+" goes on") || strings.Contains(log.String(), "trit:") {
		t.Fatalf("code %d: %s%s", code, out.String(), log.String())
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"convert", folder, packed}, cmdline.ExitOK, "step-00000003: step 3, the last checkpoint"},
		{[]string{"convert", folder, packed, "--force"}, cmdline.ExitOK, "the run has not come to its end"},
		{[]string{"train", "--resume", "--out", folder, "--max-steps", "3"}, cmdline.ExitFailed, "--max-steps is 3, but the run is at step 3"},
		{[]string{"train", "--resume", "--out", folder, "--max-steps", "6"}, cmdline.ExitOK, "done: 6 steps"},
		{[]string{"train", "--resume", "--out", folder}, cmdline.ExitFailed, "ended at step 6 of 6, nothing is left to do: --resume --max-steps N"},
		{[]string{"train", "--resume", "--config", "trit-1m", "--out", folder}, cmdline.ExitFailed, "which --resume alone takes from it"},
		{[]string{"train", "--resume", "--out", folder, "--set", "max_steps=8", "--set", "eval_interval=1"}, cmdline.ExitOK, "done: 8 steps"},
		{[]string{"convert", folder, packed, "--force"}, cmdline.ExitOK, " of 8, the best model of the run"},
		{[]string{"train", "--resume", "--out", dir}, cmdline.ExitFailed, "no run to go on with"},
		{[]string{"train", "--resume"}, cmdline.ExitUsage, "--out DIR, the folder of the run, is needed"},
		{[]string{"train", "--init", folder, "--data", data, "--out", filepath.Join(dir, "tuned"), "--max-steps", "2"}, cmdline.ExitOK, "2 steps of 256 tokens (batch_size 2"},
		{[]string{"train", "--init", folder, "--config", "trit-1m", "--data", data, "--out", filepath.Join(dir, "other"), "--set",
			"num_hidden_layers=1", "--max-steps", "2"}, cmdline.ExitOK, "1024 tokens a step (there 256)"},
	} {
		code, stdout, stderr := trit(c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%v: code %d, want %d and %q:\n%s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
}

// Nobody knows how many steps fill a time, so none that comes late is refused before.
func TestRoundingOfARunByTime(t *testing.T) {
	args := []string{"train", "--config", "trit-1m", "--print-config", "--set", "quantize_from_step=2000"}
	if code, stdout, stderr := trit(append(args, "--max-time", "3h")...); code != cmdline.ExitOK ||
		!strings.Contains(stdout, `"max_steps": 0,`) {
		t.Errorf("by time: code %d: %s%s", code, stdout, stderr)
	}
	if code, _, stderr := trit(args...); code != cmdline.ExitUsage || !strings.Contains(stderr, "by step 2000") {
		t.Errorf("by 1500 steps: code %d: %s", code, stderr)
	}
}

func TestPerplexityText(t *testing.T) {
	for v, want := range map[float64]string{263.284: "263.28", 999999: "999999.00", 1.25e300: "1.25e+300"} {
		if got := perplexityText(v); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}
