package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/data/world"
	"trit/eval/tasks"
)

// The packed model of every recipe gives the bits per byte of the graph that it was
// trained on.
func TestRecipesPackToWhatTheyWereTrainedAs(t *testing.T) {
	dir := t.TempDir()
	data := smallData(t, dir)
	for name, set := range map[string][]string{
		"b1":      {"sign=true"},
		"gradual": {"quantize_from_step=4", "quantize_warmup_steps=4", "z_loss=0.0001", "checkpoint_activations=true"},
		"silu":    {"hidden_act=silu", "sub_norms=false", "tie_word_embeddings=false"},
	} {
		run, gguf := filepath.Join(dir, name), filepath.Join(dir, name+".gguf")
		args := []string{"train", "--config", "trit-1m", "--data", data, "--out", run, "--max-steps", "12", "--set", "num_hidden_layers=2", "--precision", "float32"}
		for _, s := range set {
			args = append(args, "--set", s)
		}
		mustTrit(t, args...)
		mustTrit(t, "convert", run, gguf)
		graph, packed := bitsPerByte(t, run, data), bitsPerByte(t, gguf, data)
		if math.Abs(packed/graph-1) > 1e-3 {
			t.Errorf("%s: %g bits per byte on the graph, %g packed", name, graph, packed)
		}
	}
}

// Models that hold only codes are tuned too: a packed folder and GGUF files of each ternary type. With a
// rate of 0 the run is the model that it began with, and its log says that its masters were made.
func TestTrainFromCodes(t *testing.T) {
	dir := t.TempDir()
	data, run := smallData(t, dir), filepath.Join(dir, "run")
	mustTrit(t, "train", "--config", "trit-1m", "--data", data, "--out", run, "--max-steps", "12", "--set", "num_hidden_layers=1",
		"--set", "hidden_size=256", "--set", "intermediate_size=512", "--precision", "float32")
	for _, typ := range []string{"packed", "i2_s", "tq1_0", "tq2_0"} {
		codes, tuned := filepath.Join(dir, typ), filepath.Join(dir, "tuned-"+typ)
		want := bitsPerByte(t, run, data)
		if typ != "packed" {
			codes += ".gguf"
		}
		mustTrit(t, "convert", run, codes, "--type", typ)
		if typ != "packed" {
			want = bitsPerByte(t, codes, data)
		}
		begin := []string{"train", "--init", codes, "--data", data, "--out", tuned, "--set", "learning_rate=0",
			"--set", "stage2_learning_rate=0", "--set", "weight_decay=0"}
		mustTrit(t, append(begin, "--max-steps", "1")...)
		if got := bitsPerByte(t, tuned, data); math.Abs(got/want-1) > 1e-3 {
			t.Errorf("%s: %g bits per byte, want %g", typ, got, want)
		}
		log, err := os.ReadFile(filepath.Join(tuned, "metrics.jsonl"))
		if err != nil || !strings.Contains(string(log), "made of its codes and scales, in "+filepath.Join(tuned, "masters")) {
			t.Errorf("%s: the log does not say what the masters are: %v\n%s", typ, err, log)
		}
		if typ == "i2_s" {
			if _, out, _ := trit(append(begin, "--print-config")...); !strings.Contains(out, `"hidden_size": 256`) {
				t.Errorf("--print-config prints %s", out)
			}
			mustTrit(t, append(begin, "--resume", "--max-steps", "2")...)
		}
	}
}

// smallData prepares a small data set in dir.
func smallData(t *testing.T, dir string) string {
	t.Helper()
	if err := world.Generate(world.Options{Seed: 1, Documents: 150, Questions: 1}).Write(dir); err != nil {
		t.Fatal(err)
	}
	text, tok, data := filepath.Join(dir, world.TextFile), filepath.Join(dir, "tok"), filepath.Join(dir, "data")
	mustTrit(t, "tokenizer", "train", "--data", text, "--column", "text", "--vocab-size", "300", "--out", tok)
	mustTrit(t, "data", "prepare", "--data", text, "--column", "text", "--tokenizer", tok, "--holdout", "0.1", "--out", data)
	return data
}

func mustTrit(t *testing.T, args ...string) {
	t.Helper()
	if code, out, stderr := trit(args...); code != cmdline.ExitOK {
		t.Fatalf("%v: exit code %d: %s%s", args, code, out, stderr)
	}
}

// bitsPerByte evaluates a model on the held-out data.
func bitsPerByte(t *testing.T, model, data string) float64 {
	t.Helper()
	out := filepath.Join(t.TempDir(), "results")
	mustTrit(t, "eval", model, "--tasks", tasks.BitsPerByte, "--data-dir", data, "--out", out)
	files, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no results: %v", out, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Results map[string]map[string]any }
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	v, ok := r.Results[tasks.BitsPerByte]["bits_per_byte,none"].(float64)
	if !ok {
		t.Fatalf("no bits per byte in %s", b)
	}
	return v
}
