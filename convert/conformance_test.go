//go:build conformance

package convert

import "testing"

func TestGoldenFamilies(t *testing.T) {
	for _, name := range []string{"hf-bitnet-bf16", "hf-bitnet-packed", "hf-1bitllm", "hf-llama-packed"} {
		t.Run(name, func(t *testing.T) {
			dir := "../../shared/golden/checkpoints/" + name
			goldenTrips(t, dir, convertGolden(t, dir))
		})
	}
}
