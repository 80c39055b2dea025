package main

import (
	"encoding/json"
	"math"
	"path/filepath"
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
