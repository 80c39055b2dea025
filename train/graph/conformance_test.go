//go:build conformance

package graph

import "testing"

func TestGoldenPairsOfPyTorch(t *testing.T) {
	testGoldenPreference(t, "../../../shared/golden/finetune/dpo.safetensors")
}
