package model

import (
	"math"
	"strings"
	"testing"
)

// Options that no layer or head can compute are refused by their key.
func TestVariantsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                                   func(c *Config) { c.HadamardBlock, c.Int4Activations, c.DeadzoneBias = 64, true, 0.001 },
		"final_logit_softcapping is -1":      func(c *Config) { c.FinalLogitSoftcapping = -1 },
		"final_logit_softcapping is NaN":     func(c *Config) { c.FinalLogitSoftcapping = math.NaN() },
		"deadzone_bias is 1.5":               func(c *Config) { c.DeadzoneBias = 1.5 },
		"is set and ternary false":           func(c *Config) { c.Ternary, c.Int4Activations = false, true },
		"sign true: b1 rounds no weight":     func(c *Config) { c.Sign, c.DeadzoneBias = true, 0.1 },
		"hadamard_block is 24: want a power": func(c *Config) { c.HadamardBlock = 24 },
		"is 192, no multiple of it: want a power of two that divides both, such as 64": func(c *Config) { c.HadamardBlock = 128 },
		"the weights have a scale for each 64 weights of a row":                        func(c *Config) { c.WeightScale, c.HadamardBlock = ScaleGroup64, 64 },
		"one scale a tensor, float_activations true":                                   func(c *Config) { c.FloatActivations, c.Int4Activations = true, true },
	} {
		c := Config{VocabSize: 8, HiddenSize: 128, IntermediateSize: 192, NumHiddenLayers: 1, NumAttentionHeads: 2, Ternary: true}
		change(&c)
		c.Resolve()
		if err := c.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
