package main

import (
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// A model with a scale a group says before it is trained who runs it, is trained, converted without loss
// and verified, and its engines are named before the file is written.
func TestGroupsFromTrainingToAFile(t *testing.T) {
	dir := t.TempDir()
	data, run := smallData(t, dir), filepath.Join(dir, "run")
	args := []string{"train", "--config", "qwen3-3m", "--set", "num_hidden_layers=1", "--data", data, "--out", run, "--max-steps", "2"}
	_, out, _ := trit(append(args, "--dry-run", "--tflops", "0.1")...)
	for _, want := range []string{"GGUF types       q2_0\n", "llama.cpp        q2_0\n", "bitnet.cpp       no: no type there has a scale for each 64"} {
		if !strings.Contains(out, want) {
			t.Errorf("the estimate has no %q: %s", want, out)
		}
	}
	if code, _, stderr := trit(args...); code != cmdline.ExitOK || !strings.Contains(stderr, "packs as q2_0; runs on trit, llama.cpp;") {
		t.Errorf("train: code %d, %q", code, stderr)
	}
	file := filepath.Join(dir, "x.gguf")
	code, _, stderr := trit("convert", run, file)
	if code != cmdline.ExitOK || !strings.Contains(stderr, "q2_0 runs on trit, llama.cpp, not on bitnet.cpp") {
		t.Errorf("convert: code %d, %q", code, stderr)
	}
	if code, out, _ := trit("verify", run, file); code != cmdline.ExitOK {
		t.Errorf("verify: code %d, %s", code, out)
	}
	if code, _, stderr := trit("convert", run, filepath.Join(dir, "y.gguf"), "--type", "i2_s"); code != cmdline.ExitUsage ||
		!strings.Contains(stderr, "a scale for each 64 weights of a row is \"i2_s\": want one of q2_0") {
		t.Errorf("i2_s: code %d, %q", code, stderr)
	}
	code, _, stderr = trit("train", "--init", run, "--data", data, "--out", filepath.Join(dir, "lora"), "--config", "lora", "--max-steps", "1")
	if code == cmdline.ExitOK || !strings.Contains(stderr, "convert it to a folder of type f16") {
		t.Errorf("lora: code %d, %q", code, stderr)
	}
}

// A full-precision teacher with norms of heads gets a student of its blocks, with a scale a group.
func TestDistillGroups(t *testing.T) {
	dir := t.TempDir()
	data, teacher, student := smallData(t, dir), filepath.Join(dir, "teacher"), filepath.Join(dir, "student")
	mustTrit(t, "train", "--config", "qwen3-3m", "--data", data, "--out", teacher, "--max-steps", "2", "--set", "num_hidden_layers=1",
		"--set", "ternary=false", "--set", "weight_scale=tensor", "--set", "float_activations=false")
	steps := distilled(t, student, "--config", "distill-qwen3", "--data", data, "--max-steps", "2", teacher)
	if len(steps) != 2 || steps[0].KL == 0 {
		t.Errorf("%+v", steps)
	}
	file := filepath.Join(dir, "student.gguf")
	if code, _, stderr := trit("convert", student, file); code != cmdline.ExitOK || !strings.Contains(stderr, "q2_0 runs on trit, llama.cpp") {
		t.Errorf("convert: code %d, %q", code, stderr)
	}
	mustTrit(t, "verify", student, file)
}
