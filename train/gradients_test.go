package train

import (
	"strings"
	"testing"

	"trit/model"
	"trit/train/graph"
)

// Gradients in int8 are refused where the products of a model are not of integers, by the key that makes it so, and not
// chosen by auto.
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
		o.Gradients = GradientsAuto
		if o.ResolveGradients(&c, true); (o.Gradients == GradientsInt8) != (key == "") {
			t.Errorf("%s: auto is %s", key, o.Gradients)
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

// Auto is float without instructions and with a precision of float32; a resumed run has the form that it was begun with.
func TestGradientsAuto(t *testing.T) {
	for _, c := range []struct {
		precision Precision
		has       bool
		want      Gradients
	}{{PrecisionAuto, true, GradientsInt8}, {PrecisionBF16, true, GradientsInt8}, {PrecisionFloat32, true, GradientsFloat},
		{PrecisionAuto, false, GradientsFloat}} {
		o := Default()
		o.Precision, o.Gradients = c.precision, GradientsAuto
		if o.ResolveGradients(&model.Config{Ternary: true}, c.has); o.Gradients != c.want {
			t.Errorf("%+v: got %s", c, o.Gradients)
		}
	}
	for _, form := range []Gradients{GradientsFloat, GradientsInt8} {
		o, before := Default(), Default()
		o.Gradients, before.Gradients = GradientsAuto, form
		err := o.keepForms(before)
		if refused := form == GradientsInt8 && !graph.HasInt8Gradients(); (err != nil) != refused || !refused && o.Gradients != form {
			t.Errorf("%s: got %s, %v", form, o.Gradients, err)
		}
	}
}
