//go:build conformance

package infer

import (
	"encoding/json"
	"os"
	"testing"
)

func TestGoldenEngineAll(t *testing.T) {
	for _, name := range []string{"tiny", "tinyb", "small"} {
		base := "../../shared/golden/engine/" + name
		compareEngine(t, base+"-i2_s.gguf", base+"-logits.f32", engineTokens)
	}
}

func TestGoldenCheckpoints(t *testing.T) {
	for _, name := range []string{"hf-bitnet-bf16", "hf-bitnet-packed", "hf-1bitllm", "hf-llama-packed"} {
		dir := "../../shared/golden/checkpoints/" + name
		b, err := os.ReadFile(dir + "/expected.json")
		if err != nil {
			t.Fatal(err)
		}
		var expected struct{ Tokens []int32 }
		if err := json.Unmarshal(b, &expected); err != nil {
			t.Fatal(err)
		}
		compareEngine(t, dir+"/expected-i2_s.gguf", dir+"/bitnet_cpp_logits.f32", expected.Tokens)
	}
}
