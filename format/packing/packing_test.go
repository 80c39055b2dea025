package packing

import (
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

// shape is a model whose rows are all as long as hidden, but for the feed-forward's.
func shape(hidden, feedForward int, change func(*model.Config)) *model.Config {
	c := &model.Config{
		VocabSize: 64, HiddenSize: hidden, IntermediateSize: feedForward, NumHiddenLayers: 2, NumAttentionHeads: 2,
		SubNorms: true, HiddenAct: model.SiLU, TieWordEmbeddings: true, Ternary: true,
	}
	if change != nil {
		change(c)
	}
	c.Resolve()
	return c
}

// What holds a shape is what the size of its tensors in the format says.
func TestFitsAsTheFormatHasIt(t *testing.T) {
	for hidden := 32; hidden <= 768; hidden += 32 {
		for _, ternary := range []bool{true, false} {
			c := shape(hidden, 768-hidden+32, func(c *model.Config) { c.Ternary = ternary })
			for _, typ := range TypesFor(c) {
				holds := true
				for _, spec := range c.Tensors() {
					if len(spec.Shape) == 2 && spec.Layer >= 0 {
						_, err := typ.Size(gguf.Dims(spec.Shape))
						holds = holds && err == nil
					}
				}
				if got := slices.Contains(Fits(c), Fit{Type: typ}); got != holds || (CheckType(c, typ) == nil) != holds {
					t.Errorf("hidden_size %d, %s: fits %v, CheckType %v, the format holds it: %v",
						hidden, typ, got, CheckType(c, typ), holds)
				}
			}
		}
	}
}

// Errors name the key, the size that is wanted, and a way out.
func TestErrorsNameTheWay(t *testing.T) {
	plain := func(c *model.Config) { c.SubNorms, c.HiddenAct = false, model.ReLU2 }
	for _, test := range []struct {
		c    *model.Config
		typ  gguf.Type
		want []string
	}{
		{shape(100, 256, nil), gguf.I2_S, []string{"hidden_size is 100, no multiple of 128", "a folder holds this model"}},
		{shape(128, 256, nil), gguf.TQ2_0, []string{"hidden_size is 128, no multiple of 256", "Options.Type i2_s holds"}},
		{shape(256, 100, nil), gguf.I2_S, []string{"intermediate_size is 100, no multiple of 128", "Options.Pad pads it"}},
		{shape(256, 256, func(c *model.Config) { c.HeadDim = 96 }), gguf.TQ1_0, []string{"num_attention_heads * head_dim is 192"}},
		{shape(256, 256, plain), gguf.I2_S, nil}, // its rows fit; Check refuses it
	} {
		err := CheckType(test.c, test.typ)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", test.typ, err, want)
			}
		}
		if test.want == nil && err != nil {
			t.Errorf("%s: %v", test.typ, err)
		}
	}
	if err := Check(shape(256, 256, plain)); err == nil || !strings.Contains(err.Error(), "set hidden_act to silu") {
		t.Errorf("relu2 without sub-norms: got %v", err)
	}
	if err := Check(shape(128, 100, nil)); err != nil {
		t.Errorf("a feed-forward size that can be padded: %v", err)
	}
}

// The engines run what their sources say.
func TestEngines(t *testing.T) {
	relu2 := func(c *model.Config) { c.HiddenAct = model.ReLU2 }
	turned := func(c *model.Config) { c.HadamardBlock = 64 }
	const refused = "no: the weights are in a rotated basis (prism.hadamard), which is not undone there; "
	const silent = "no: the weights are in a rotated basis (prism.hadamard), which is not undone there, and no error says so"
	for name, test := range map[string]struct {
		c    *model.Config
		want map[string]string // the beginning of what is said of an engine
	}{
		"relu2": {shape(256, 256, relu2), map[string]string{
			"trit": "i2_s, tq1_0, tq2_0", "bitnet.cpp": "i2_s; its versions since July 2026", "ik_llama.cpp": "i2_s; its llama-quantize",
			"llama.cpp": "no: hidden_act is relu2, and silu", "Ollama": "no: hidden_act is relu2, and silu",
		}},
		"4 bits": {shape(256, 256, func(c *model.Config) { c.Int4Activations = true }), map[string]string{
			"trit": "i2_s, tq1_0, tq2_0", "bitnet.cpp": "no: activations have 4 bits (int4_activations)",
			"ik_llama.cpp": "no: activations have 4 bits", "llama.cpp": "no: activations have 4 bits", "Ollama": "no: activations have 4 bits",
		}},
		"turned": {shape(256, 256, turned), map[string]string{
			"trit": "i2_s, tq1_0, tq2_0", "bitnet.cpp": silent, "ik_llama.cpp": silent, "llama.cpp": silent, "Ollama": silent,
		}},
		"turned, 4 bits": {shape(256, 256, func(c *model.Config) { turned(c); c.Int4Activations = true }), map[string]string{
			"trit": "i2_s, tq1_0, tq2_0", "bitnet.cpp": refused + "activations have 4 bits (int4_activations), which is not computed there " +
				"(no architecture bitnet-a4)", "llama.cpp": refused + "activations have 4 bits",
		}},
		"turned, relu2": {shape(256, 256, func(c *model.Config) { turned(c); relu2(c); c.FinalLogitSoftcapping = 30 }), map[string]string{
			"bitnet.cpp": silent, "llama.cpp": "no: hidden_act is relu2, and silu alone runs there (no architecture bitnet-b1.58); " +
				strings.TrimPrefix(refused, "no: ") + "final_logit_softcapping is 30",
		}},
		"silu": {shape(256, 256, nil), map[string]string{
			"bitnet.cpp": "i2_s", "llama.cpp": "tq1_0, tq2_0", "Ollama": "tq1_0, tq2_0; its versions since 0.31.2",
		}},
		"padded": {shape(256, 384, nil), map[string]string{
			"trit": "i2_s, and tq1_0, tq2_0 with Options.Pad", "bitnet.cpp": "i2_s", "llama.cpp": "tq1_0, tq2_0 with Options.Pad",
		}},
		"all that is in the way": {shape(128, 256, relu2), map[string]string{
			"llama.cpp": "no: hidden_act is relu2, and silu alone runs there (no architecture bitnet-b1.58); hidden_size is 128, no multiple of 256",
		}},
		"a wide head": {shape(256, 256, func(c *model.Config) { c.HeadDim = 256 }), map[string]string{
			"trit": "i2_s", "llama.cpp": "no: num_attention_heads * head_dim is 512", "ik_llama.cpp": "no: num_attention_heads",
		}},
		"a head of its own": {shape(256, 256, func(c *model.Config) { c.TieWordEmbeddings = false }), map[string]string{
			"trit": "i2_s", "llama.cpp": "no: tie_word_embeddings is false",
		}},
		"llama": {shape(256, 256, func(c *model.Config) { c.SubNorms, c.TieWordEmbeddings, c.HeadDim = false, false, 256 }), map[string]string{
			"llama.cpp": "tq1_0, tq2_0", "bitnet.cpp": "i2_s",
		}},
		"full precision": {shape(96, 96, func(c *model.Config) { c.SubNorms, c.Ternary = false, false }), map[string]string{
			"llama.cpp": "f32, f16, bf16, q8_0", "Ollama": "f32, f16, bf16, q8_0",
		}},
		"MiniCPM": {shape(96, 96, func(c *model.Config) {
			c.SubNorms, c.Ternary, c.ScaleEmb, c.ScaleDepth, c.DimModelBase = false, false, 12, 1.4, 32
		}), map[string]string{
			"trit": "f32, f16, bf16, q8_0", "llama.cpp": "f32, f16, bf16, q8_0", "bitnet.cpp": "no: architecture minicpm was not tried there",
		}},
		"an embedding model": {shape(256, 256, func(c *model.Config) { c.SubNorms, c.QKNorm, c.ProjNorms = false, true, true }), map[string]string{
			"trit": "i2_s", "bitnet.cpp": "i2_s", "llama.cpp": "no: proj_norms is true",
		}},
	} {
		for _, e := range Engines(test.c) {
			if got := e.Text().String(); !strings.HasPrefix(got, test.want[e.Name]) {
				t.Errorf("%s: %s: %q, want %q", name, e.Name, got, test.want[e.Name])
			}
		}
	}
}

// No warning names a type whose file is then said to be unreadable: the way that it names ends.
func TestWarningsEnd(t *testing.T) {
	for _, hidden := range []int{128, 256} {
		for _, act := range []string{model.ReLU2, model.SiLU} {
			c := shape(hidden, 256, func(c *model.Config) { c.HiddenAct = act })
			for _, e := range Engines(c) {
				for _, f := range e.Fits {
					if text := e.against(f.Type); strings.HasPrefix(text, "cannot") {
						t.Errorf("%d, %s: %s runs %s, and of such a file it is said: %s", hidden, act, e.Name, f.Type, text)
					}
				}
				if text := e.against(gguf.I2_S); len(e.Fits) == 0 && strings.Contains(text, "convert with") {
					t.Errorf("%d, %s: %s cannot run it, and yet: %s", hidden, act, e.Name, text)
				}
			}
		}
	}
	c := shape(256, 256, func(c *model.Config) { c.HiddenAct = model.ReLU2 })
	if all := Warnings(c, gguf.TQ2_0); len(all) != 3 || !strings.HasPrefix(all[2].String(), "llama.cpp, Ollama cannot run this model: hidden_act") {
		t.Errorf("got %q", all)
	}
}
