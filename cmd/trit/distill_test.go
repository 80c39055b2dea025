package main

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/train/runlog"
)

// distilled runs trit distill with a small student, and returns the figures of its steps.
func distilled(t *testing.T, out string, args ...string) []runlog.Event {
	t.Helper()
	mustTrit(t, append([]string{"distill", "--out", out, "--set", "log_interval=1", "--precision", "float32"}, args...)...)
	return stepsOf(t, out)
}

func stepsOf(t *testing.T, out string) (steps []runlog.Event) {
	t.Helper()
	log, err := runlog.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log.Events {
		if e.Event == runlog.StepEvent {
			steps = append(steps, e)
		}
	}
	return steps
}

// A folder, the GGUF file that is made of it, and a file of its likeliest tokens teach the same.
func TestDistill(t *testing.T) {
	dir := t.TempDir()
	data, teacher := smallData(t, dir), filepath.Join(dir, "teacher")
	mustTrit(t, "train", "--config", "llama-1m", "--data", data, "--out", teacher, "--max-steps", "12",
		"--set", "num_hidden_layers=2", "--set", "ternary=false")
	gguf, cache := filepath.Join(dir, "teacher.gguf"), filepath.Join(dir, "teacher.topk")
	mustTrit(t, "convert", teacher, gguf, "--type", "f32", "--embedding-type", "f32")
	same := []string{"--student", "same", "--config", "distill-llama", "--data", data, "--max-steps", "3", "--seed", "4"}
	preset := []string{"--student", "trit-1m", "--config", "distill-llama", "--data", data, "--max-steps", "3", "--seed", "4"}

	run := filepath.Join(dir, "same")
	if steps := distilled(t, run, append(same, teacher)...); len(steps) != 3 || steps[0].KL == 0 || steps[0].CE == 0 {
		t.Errorf("%+v", steps)
	}
	if code, _, stderr := trit("distill", "--resume", "--out", run, "--max-steps", "4"); code != cmdline.ExitOK ||
		len(stepsOf(t, run)) != 4 {
		t.Errorf("resumed: exit code %d: %s", code, stderr)
	}
	packed := filepath.Join(dir, "student.gguf")
	mustTrit(t, "convert", run, packed)

	folder := distilled(t, filepath.Join(dir, "a"), append(preset, teacher)...)
	engine := distilled(t, filepath.Join(dir, "b"), append(preset, gguf)...)
	if e := math.Abs(engine[0].KL - folder[0].KL); folder[0].KL == 0 || e > 1e-3 || engine[0].CE != folder[0].CE {
		t.Errorf("kl %g from the folder and %g from the GGUF file", folder[0].KL, engine[0].KL)
	}
	top := append(preset, "--set", "distill_top_k=8")
	direct := distilled(t, filepath.Join(dir, "c"), append(top, teacher)...)
	written := distilled(t, filepath.Join(dir, "d"), append(top, "--teacher-cache", cache, teacher)...)
	alone := distilled(t, filepath.Join(dir, "e"), append(preset, cache)...)
	for i := range direct {
		if written[i].KL != direct[i].KL || alone[i].KL != direct[i].KL {
			t.Errorf("step %d: kl %g, %g from the file while it is made, %g from it", i+1, direct[i].KL, written[i].KL, alone[i].KL)
		}
	}
}

// An estimate counts the teacher: a folder as a graph without gradients, a GGUF file as it is.
func TestDistillDryRun(t *testing.T) {
	dir := t.TempDir()
	data, teacher := smallData(t, dir), filepath.Join(dir, "teacher")
	mustTrit(t, "train", "--config", "trit-1m", "--data", data, "--out", teacher, "--max-steps", "1", "--set", "num_hidden_layers=1")
	gguf := filepath.Join(dir, "teacher.gguf")
	mustTrit(t, "convert", teacher, gguf)
	for _, path := range []string{teacher, gguf} {
		code, out, stderr := trit("distill", path, "--student", "trit-1m", "--config", "distill-llama", "--data", data, "--dry-run", "--tflops", "0.1")
		if code != cmdline.ExitOK || !strings.Contains(out, "the teacher's ") || !strings.Contains(out, "time  ") {
			t.Errorf("exit code %d: %s%s", code, out, stderr)
		}
	}
}

func TestDistillRefuses(t *testing.T) {
	dir := t.TempDir()
	data, teacher := smallData(t, dir), filepath.Join(dir, "teacher")
	mustTrit(t, "train", "--config", "trit-1m", "--data", data, "--out", teacher, "--max-steps", "1", "--set", "num_hidden_layers=1")
	gguf, other := filepath.Join(dir, "teacher.gguf"), filepath.Join(dir, "other")
	mustTrit(t, "convert", teacher, gguf)
	mustTrit(t, "tokenizer", "train", "--data", "distill_test.go", "--vocab-size", "300", "--out", other)
	mustTrit(t, "data", "prepare", "--data", "distill_test.go", "--tokenizer", other, "--holdout", "0", "--out", other+"-data")
	out := filepath.Join(dir, "run")
	for want, args := range map[string][]string{
		"one TEACHER":                    {"--config", "distill-llama", "--data", data},
		"trit-1m":                        {teacher, "--student", "trit-2m", "--data", data},
		"--init and --student":           {teacher, "--student", "trit-1m", "--init", teacher, "--data", data},
		"makes a folder to name":         {gguf, "--student", "same", "--data", data},
		"belong to --dry-run":            {teacher, "--student", "trit-1m", "--data", data, "--ranks", "2"},
		"--data DIR":                     {teacher, "--config", "distill-llama"},
		"name the student's model with":  {gguf, "--config", "distill-llama", "--data", data},
		"than the one that the data":     {teacher, "--config", "distill-llama", "--data", other + "-data"},
		"another tokenizer than the dat": {gguf, "--student", "trit-1m", "--data", other + "-data"},
		"tells its logits alone":         {gguf, "--student", "trit-1m", "--data", data, "--set", "distill_relations=1"},
		"set --max-steps": {teacher, "--data", data, "--max-time", "1s", "--set", "distill_top_k=4",
			"--teacher-cache", out + ".topk"},
		"distill_top_k is 0": {teacher, "--data", data, "--teacher-cache", out + ".topk"},
	} {
		code, _, stderr := trit(append([]string{"distill", "--out", out + want[:3]}, args...)...)
		if code == cmdline.ExitOK || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d: %s, want %q", args, code, stderr, want)
		}
	}
	code, _, stderr := trit("train", "--config", "trit-1m", "--data", data, "--out", out, "--set", "distill_alpha=0.5",
		"--set", "distill_temperature=1")
	if code == cmdline.ExitOK || !strings.Contains(stderr, "trit distill") {
		t.Errorf("train with distill_alpha: exit code %d: %s", code, stderr)
	}
}
