package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"trit/convert/compare"
)

// A model and the same one in a rotated basis have the same logits but for what the cache rounds, which verify can
// leave out.
func TestVerifyWithACache(t *testing.T) {
	const folder = "../../testdata/checkpoints/hf-qwen35"
	dir := t.TempDir()
	plain, rotated := filepath.Join(dir, "plain.gguf"), filepath.Join(dir, "rotated.gguf")
	mustTrit(t, "convert", folder, plain)
	mustTrit(t, "convert", plain, rotated, "--rotate", "32")
	differences := map[string]float64{}
	for _, cache := range []string{"f16", "f32"} {
		var c compare.Comparison
		_, out, stderr := trit("verify", plain, rotated, "--ids", "1,7,30,2,250,9,77,14", "--cache", cache, "--json")
		if err := json.Unmarshal([]byte(out), &c); err != nil || c.Logits == nil {
			t.Fatal(err, out, stderr)
		}
		differences[cache] = c.Logits.RelativeL2
	}
	if exact := differences["f32"]; !(exact < 1e-5 && exact < differences["f16"]) {
		t.Errorf("relative L2 %v", differences)
	}
}

// A run with activations of 4 bits is the same model as its file and a folder made of that, with the graph's bits per
// byte on the engine, and is another one with 8. A file says so by its architecture, which no other engine has, and is
// not run with activations that are not rounded.
func TestActivationsOf4BitsInAFile(t *testing.T) {
	dir := t.TempDir()
	data := smallData(t, dir)
	for name, set := range map[string][]string{
		"bitnet-b1.58-a4": {"int4_activations=true"},
		"llama-a4":        {"int4_activations=true", "hadamard_block=32", "sub_norms=false", "hidden_act=silu"},
	} {
		run, file, folder := filepath.Join(dir, name), filepath.Join(dir, name+".gguf"), filepath.Join(dir, name+"-folder")
		line := []string{"train", "--config", "trit-1m", "--data", data, "--out", run, "--max-steps", "3", "--set", "num_hidden_layers=1"}
		for _, s := range set {
			line = append(line, "--set", s)
		}
		mustTrit(t, line...)
		code, out, stderr := trit("convert", run, file, "--embedding-type", "f32")
		if out += stderr; code != 0 || !strings.Contains(out, file+": "+name) || !strings.Contains(out, "activations have 4 bits (int4_activations)") {
			t.Fatalf("convert: %d, %s", code, out)
		}
		mustTrit(t, "convert", file, folder)
		mustTrit(t, "verify", run, file)
		mustTrit(t, "verify", run, folder)
		graph := bitsPerByte(t, run, data)
		if engine := bitsPerByte(t, file, data); !(math.Abs(engine-graph) < 1e-6*graph) {
			t.Errorf("%s: %v bits per byte on the engine, %v in the graph", name, engine, graph)
		}
		other := filepath.Join(dir, "other.gguf")
		mustTrit(t, "convert", run, other, "--embedding-type", "f32", "--config-key", "int4_activations=false",
			"--config-key", "quantization_config=null", "--force")
		if engine := bitsPerByte(t, other, data); math.Abs(engine-graph) < 1e-6*graph {
			t.Errorf("%s: the bits of activations make no difference", name)
		}
		if _, out, _ := trit("inspect", file); !strings.Contains(out, name) {
			t.Errorf("inspect does not say %s: %s", name, out)
		}
		if code, _, stderr := trit("run", file, "-p", "Anna", "--activations", "float"); code == 0 || !strings.Contains(stderr, "activations of 4 bits") {
			t.Errorf("run with float activations: %d, %s", code, stderr)
		}
	}
}

// A run whose inputs were turned is the same model as a file with the keys of a rotated basis, and as a folder made of
// that: equal weights, and the graph's bits per byte on the engine. With another block it is another model.
func TestTurnedInputsInAFile(t *testing.T) {
	dir := t.TempDir()
	data, run, file, folder := smallData(t, dir), filepath.Join(dir, "run"), filepath.Join(dir, "x.gguf"), filepath.Join(dir, "folder")
	mustTrit(t, "train", "--config", "trit-1m", "--set", "num_hidden_layers=1", "--set", "hadamard_block=32", "--data", data, "--out", run,
		"--max-steps", "3")
	mustTrit(t, "convert", run, file, "--embedding-type", "f32")
	mustTrit(t, "convert", file, folder)
	mustTrit(t, "verify", run, file)
	mustTrit(t, "verify", run, folder)
	graph := bitsPerByte(t, run, data)
	if engine := bitsPerByte(t, file, data); !(math.Abs(engine-graph) < 1e-6*graph) {
		t.Errorf("%v bits per byte on the engine, %v in the graph", engine, graph)
	}
	other := filepath.Join(dir, "other.gguf")
	mustTrit(t, "convert", run, other, "--embedding-type", "f32", "--config-key", "hadamard_block=64")
	if engine := bitsPerByte(t, other, data); math.Abs(engine-graph) < 1e-6*graph {
		t.Error("the block makes no difference")
	}
}
