package model

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRoundingIsChecked(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*Config)
	}{
		{"<nil>", func(c *Config) { c.WeightScale = ScaleGroup64 }},
		{"<nil>", func(c *Config) { c.Ternary, c.WeightScale = false, ScaleTensor }},
		{`weight_scale is "group32": want`, func(c *Config) { c.WeightScale = "group32" }},
		{"intermediate_size is 192, no multiple of 128", func(c *Config) { c.WeightScale = ScaleGroup128 }},
		{"head_dim is 128, no multiple of 256", func(c *Config) { c.WeightScale, c.IntermediateSize = ScaleGroup256, 256 }},
		{"set and ternary false", func(c *Config) { c.Ternary, c.FloatActivations = false, true }},
	} {
		c := Config{VocabSize: 8, HiddenSize: 128, IntermediateSize: 192, NumHiddenLayers: 1, NumAttentionHeads: 2, Ternary: true}
		test.change(&c)
		c.Resolve()
		if got := fmt.Sprint(c.Validate()); !strings.Contains(got, test.want) {
			t.Errorf("got %s, want %q", got, test.want)
		}
	}
}

// A file keeps how its weights were rounded, and transformers is told not to compute it.
func TestRoundingInConfigJSON(t *testing.T) {
	c := Config{VocabSize: 8, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 1, NumAttentionHeads: 2, Ternary: true,
		WeightScale: ScaleGroup128, FloatActivations: true, TernaryEmbedding: true}
	c.Resolve()
	h := ForTraining(c, -1, -1)
	if got := h.QuantizationConfig.QuantMethod; got != "trit" {
		t.Errorf("the method is %q", got)
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseHF(b)
	if err != nil || again.Config != c {
		t.Errorf("read again it is %+v, %v", again, err)
	}
}
