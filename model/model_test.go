package model

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

const embeddingFolder = "../testdata/checkpoints/hf-qwen3-embedding/"

func parse(t *testing.T, text string) *HFConfig {
	t.Helper()
	c, err := ParseHF([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shapes of a block of microsoft/bitnet-embedding-0.6b by its guide, GGUF name and Hugging
// Face name without "layers.N.".
var embeddingBlock = []struct {
	gguf, hf string
	shape    []int
}{
	{"attn_norm", "input_layernorm", []int{1024}},
	{"attn_q", "self_attn.q_proj", []int{2048, 1024}},
	{"attn_k", "self_attn.k_proj", []int{1024, 1024}},
	{"attn_v", "self_attn.v_proj", []int{1024, 1024}},
	{"attn_output", "self_attn.o_proj", []int{1024, 2048}},
	{"attn_q_norm", "self_attn.q_norm", []int{128}},
	{"attn_k_norm", "self_attn.k_norm", []int{128}},
	{"attn_q_norm_in", "self_attn.q_proj.norm", []int{1024}},
	{"attn_k_norm_in", "self_attn.k_proj.norm", []int{1024}},
	{"attn_v_norm_in", "self_attn.v_proj.norm", []int{1024}},
	{"attn_output_norm_in", "self_attn.o_proj.norm", []int{2048}},
	{"ffn_norm", "post_attention_layernorm", []int{1024}},
	{"ffn_gate", "mlp.gate_proj", []int{3072, 1024}},
	{"ffn_up", "mlp.up_proj", []int{3072, 1024}},
	{"ffn_down", "mlp.down_proj", []int{1024, 3072}},
	{"ffn_gate_norm_in", "mlp.gate_proj.norm", []int{1024}},
	{"ffn_up_norm_in", "mlp.up_proj.norm", []int{1024}},
	{"ffn_down_norm_in", "mlp.down_proj.norm", []int{3072}},
}

func TestTensorsOfTheEmbeddingModel(t *testing.T) {
	c := parse(t, `{"architectures": ["Qwen3Model"], "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "intermediate_size": 3072,
		"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "hidden_act": "silu", "rope_theta": 1e6, "rms_norm_eps": 1e-6}`)
	there := map[string]bool{"embed_tokens.weight": true, "layers.0.self_attn.q_proj.norm.weight": true}
	has := func(name string) bool { return there[name] }
	if err := c.Observe(has); err != nil {
		t.Fatal(err)
	}
	if !c.ProjNorms || !c.QKNorm || !c.Ternary || c.SubNorms || !c.TieWordEmbeddings || c.RMSNormEps != 1e-6 || c.RopeTheta != 1e6 {
		t.Errorf("the configuration is %+v", c.Config)
	}
	name, found := FamilyOf(c, has).Name, map[string]TensorSpec{}
	for _, spec := range c.Tensors() {
		found[spec.GGUF] = spec
	}
	if want := 28*len(embeddingBlock) + 2; len(found) != want {
		t.Errorf("%d tensors, want %d", len(found), want)
	}
	for _, want := range embeddingBlock {
		spec, ok := found["blk.27."+want.gguf+".weight"]
		if !ok || name(spec.Name) != "layers.27."+want.hf+".weight" || !reflect.DeepEqual(spec.Shape, want.shape) || spec.Ternary != (len(want.shape) == 2) {
			t.Errorf("%s is %+v in the folder as %s, want %s %v", want.gguf, spec, name(spec.Name), want.hf, want.shape)
		}
	}
	if n := name(found["output_norm.weight"].Name); n != "norm.weight" {
		t.Errorf("the final norm is called %s", n)
	}
}

// A model of type qwen3 without norms before its projections is Qwen3 itself; what the file
// says goes before what its tensors tell.
func TestObserve(t *testing.T) {
	all, none := func(string) bool { return true }, func(string) bool { return false }
	const shape = `"vocab_size": 9, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2`
	for _, c := range []struct {
		text                      string
		has                       func(string) bool
		proj, heads, sub, ternary bool
	}{
		{`{"model_type": "qwen3",` + shape + `}`, none, false, true, false, false},
		{`{"model_type": "qwen3",` + shape + `}`, all, true, true, false, true},
		{`{"model_type": "qwen3", "architectures": ["BitNetQwen3Model"],` + shape + `}`, all, true, true, false, true},
		{`{"model_type": "qwen3", "ternary": false, "qk_norm": false,` + shape + `}`, all, true, false, false, false},
		{`{"model_type": "qwen3", "proj_norms": false,` + shape + `}`, all, false, true, false, false},
		{`{"model_type": "bitnet", "architectures": ["BitNetForCausalLM"],` + shape + `}`, none, false, false, true, true},
		{`{"model_type": "llama",` + shape + `}`, none, false, false, false, false},
	} {
		got := parse(t, c.text)
		if err := got.Observe(c.has); err != nil {
			t.Fatal(err)
		}
		if got.ProjNorms != c.proj || got.QKNorm != c.heads || got.SubNorms != c.sub || got.Ternary != c.ternary {
			t.Errorf("%s: proj_norms %v, qk_norm %v, sub_norms %v, ternary %v", c.text, got.ProjNorms, got.QKNorm, got.SubNorms, got.Ternary)
		}
	}
	both := parse(t, `{"model_type": "bitnet", "architectures": ["BitNetForCausalLM"],`+shape+`}`)
	if err := both.Observe(all); err == nil || !strings.Contains(err.Error(), "sub_norms and proj_norms") {
		t.Errorf("both kinds of norms: %v", err)
	}
}

func TestFamilyNames(t *testing.T) {
	for _, c := range []struct{ first, norm, sub string }{
		{"model.embed_tokens.weight", "model.norm.weight", "model.layers.1.self_attn.attn_sub_norm.weight"},
		{"model.layers.0.self_attn.inner_attn_ln.weight", "model.norm.weight", "model.layers.1.self_attn.inner_attn_ln.weight"},
		{"embed_tokens.weight", "norm.weight", "layers.1.self_attn.attn_sub_norm.weight"},
	} {
		f := FamilyOf(&HFConfig{}, func(n string) bool { return n == c.first })
		if norm, sub := f.Name(FinalNorm), f.Name(LayerTensor(1, AttnSubNorm)); norm != c.norm || sub != c.sub {
			t.Errorf("with %s: %s and %s, want %s and %s", c.first, norm, sub, c.norm, c.sub)
		}
	}
	if head := FamilyOf(&HFConfig{}, func(n string) bool { return n == "embed_tokens.weight" }).Name(LMHead); head != LMHead {
		t.Errorf("the head is called %s", head)
	}
}

func TestParseHFRefuses(t *testing.T) {
	b, err := os.ReadFile(embeddingFolder + "config.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ find, replace, want string }{
		{`"model_type": "qwen3"`, `"model_type": "gemma3_text"`, "bitnet-embedding-0.6b"},
		{`"attention_bias": false`, `"attention_bias": true`, "attention_bias is true"},
		{`"attention_bias": false`, `"mlp_bias": true`, "mlp_bias is true"},
		{`"rope_scaling": null`, `"rope_scaling": {"rope_type": "llama3", "factor": 8}`, "rope_scaling: there is no original_max_position_embeddings"},
		{`"rope_scaling": null`, `"rope_scaling": {"type": "linear"}`, "rope_scaling: there is no factor"},
		{`"use_sliding_window": false`, `"use_sliding_window": true`, "use_sliding_window is true"},
		{`"rope_theta": 1000000`, `"rope_parameters": {"rope_theta": 1e6, "rope_type": "yarn"}`, "rope_parameters: there is no factor"},
		{`"hidden_act": "silu"`, `"hidden_act": "gelu"`, "hidden_act"},
	} {
		text := strings.Replace(string(b), c.find, c.replace, 1)
		if _, err := ParseHF([]byte(text)); text == string(b) || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.replace, err, c.want)
		}
	}
	parse(t, string(b))
}

func TestRopeThetaOfTransformers5(t *testing.T) {
	b, err := os.ReadFile(embeddingFolder + "config.json")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), `"rope_theta": 1000000`, `"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}`, 1)
	if c := parse(t, text); text == string(b) || c.RopeTheta != 1e6 {
		t.Errorf("rope_theta is %g, want 1e6", c.RopeTheta)
	}
}

func TestParseHFRefusesNumbers(t *testing.T) {
	const text = `{"architectures":["BitNetForCausalLM"],"vocab_size":8,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"rms_norm_eps":1e-5,"rope_theta":1e4}`
	parse(t, text)
	for _, c := range []struct{ find, replace, want string }{
		{`"num_hidden_layers":1`, `"num_hidden_layers":4097`, "num_hidden_layers is 4097: want a number from 1 to 4096"},
		{`"num_hidden_layers":1`, `"num_hidden_layers":1e9`, "num_hidden_layers"},
		{`"num_hidden_layers":1`, `"num_hidden_layers":-1`, "num_hidden_layers is -1"},
		{`"num_hidden_layers":1`, `"num_hidden_layers":"1"`, "num_hidden_layers"},
		{`"vocab_size":8`, `"vocab_size":1099511627776`, "vocab_size is 1099511627776"},
		{`"vocab_size":8`, `"vocab_size":18446744073709551616`, "vocab_size"},
		{`"hidden_size":8`, `"hidden_size":8.5`, "hidden_size"},
		{`"num_attention_heads":2`, `"num_attention_heads":-2`, "num_attention_heads is -2"},
		{`"num_attention_heads":2`, `"num_attention_heads":65536,"head_dim":65536`, "num_attention_heads 65536 times head_dim 65536"},
		{`"num_attention_heads":2`, `"num_attention_heads":2,"num_key_value_heads":3`, "not a multiple of num_key_value_heads 3"},
		{`"rms_norm_eps":1e-5`, `"rms_norm_eps":NaN`, `"N" stands where a value should be`},
		{`"rms_norm_eps":1e-5`, `"rms_norm_eps":1e-50`, "rms_norm_eps is 1e-50"},
		{`"rms_norm_eps":1e-5`, `"rms_norm_eps":-1e-5`, "rms_norm_eps is -1e-05"},
		{`"rope_theta":1e4`, `"rope_theta":1e300`, "rope_theta is 1e+300"},
		{`"rope_theta":1e4`, `"rope_theta":1e999`, "rope_theta"},
		{`"rope_theta":1e4`, `"rope_theta":-1e4`, "rope_theta is -10000"},
	} {
		_, err := ParseHF([]byte(strings.Replace(text, c.find, c.replace, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "config.json: ") {
			t.Errorf("%s: got %v, want %q", c.replace, err, c.want)
		}
	}
}
