package main

import (
	"encoding/json"
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
