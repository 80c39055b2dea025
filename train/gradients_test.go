package train

import (
	"strings"
	"testing"

	"trit/model"
	"trit/train/graph"
)

// Gradients in int8 are refused where the products of a model are not of integers, by the key that makes it so.
func TestGradientsAreRefused(t *testing.T) {
	for key, change := range map[string]func(c *model.Config, o *Options){
		"":                             func(*model.Config, *Options) {},
		"ternary is false":             func(c *model.Config, _ *Options) { c.Ternary = false },
		"float_activations is true":    func(c *model.Config, _ *Options) { c.FloatActivations = true },
		"weight_scale is row":          func(c *model.Config, _ *Options) { c.WeightScale = model.ScaleRow },
		"lora_rank is 4":               func(_ *model.Config, o *Options) { o.LoRARank = 4 },
		"batch_size * sequence_length": func(_ *model.Config, o *Options) { o.BatchSize = 1 + graph.MaxInt8Tokens/o.SequenceLength },
	} {
		c, o := model.Config{Ternary: true}, Default()
		o.Gradients = GradientsInt8
		change(&c, &o)
		switch err := o.checkGradients(&c); {
		case key == "" && err != nil:
			t.Errorf("refused: %v", err)
		case key != "" && (err == nil || !strings.Contains(err.Error(), key)):
			t.Errorf("%s: %v", key, err)
		}
		if o.Gradients = GradientsFloat; o.checkGradients(&c) != nil {
			t.Errorf("%s: gradients in floats are refused", key)
		}
	}
	o := Default()
	o.QuantizeFromShare = 0.5
	if o.CheckModel(&model.Config{Ternary: true}) != nil || o.CheckModel(&model.Config{}) == nil {
		t.Error("a share before the rounding of a model without one")
	}
	if o.Gradients = "int4"; o.Validate() == nil {
		t.Error("gradients of int4 are taken")
	}
}
