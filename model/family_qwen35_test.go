package model

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"trit/setting"
)

// hybridText is the config.json of a text model, as transformers 5 writes it: without full_attention_interval.
const hybridText = `{"architectures": ["Qwen3_5ForCausalLM"], "model_type": "qwen3_5_text", "vocab_size": 9, "hidden_size": 64, "intermediate_size": 8,
	"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "hidden_act": "silu", "max_position_embeddings": 512,
	"rms_norm_eps": 1e-6, "rope_parameters": {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.5}, "tie_word_embeddings": true,
	"linear_num_key_heads": 2, "linear_num_value_heads": 6, "linear_key_head_dim": 16, "linear_value_head_dim": 16, "linear_conv_kernel_dim": 3,
	"layer_types": ["linear_attention", "full_attention", "linear_attention", "full_attention"]}`

func TestHybridConfig(t *testing.T) {
	want := DeltaNet{KeyHeads: 2, ValueHeads: 6, HeadDim: 16, Kernel: 3, Interval: 2}
	c := parse(t, hybridText)
	if c.DeltaNet != want || !c.QKNorm || c.RotaryDim() != 16 || c.RopeTheta != 1e7 || len(c.Notes())+len(c.Warnings()) > 0 {
		t.Errorf("got %+v, notes %q, warnings %q", c.Config, c.Notes(), c.Warnings())
	}
	written, err := json.Marshal(ForTraining(c.Config, -1, -1))
	if err != nil {
		t.Fatal(err)
	}
	again := parse(t, string(written))
	if again.Config != c.Config || again.ModelType != c.ModelType || len(again.Notes())+len(again.Warnings()) > 0 {
		t.Errorf("%s is read as %+v, want %+v", written, again.Config, c.Config)
	}
}

// What the class of transformers takes where the file is silent is said.
func TestHybridDefaults(t *testing.T) {
	bare := strings.NewReplacer(`"head_dim": 32,`, "", `, "partial_rotary_factor": 0.5`, "", `"linear_value_head_dim": 16,`, "",
		`"linear_key_head_dim": 16`, `"linear_key_head_dim": 128`).Replace(hybridText)
	bare, _, _ = strings.Cut(bare, ",\n\t\"layer_types\"")
	bare += "}"
	c := parse(t, bare)
	said := strings.Join(texts(c.Notes()), "\n")
	if c.HeadDim != 256 || c.RotaryDim() != 64 || c.DeltaNet.Interval != 4 {
		t.Errorf("got %+v", c.Config)
	}
	for _, key := range []string{"head_dim 256", "partial_rotary_factor 0.25", "linear_value_head_dim 128", "each 4th layer"} {
		if !strings.Contains(said, key) {
			t.Errorf("%q lacks %s", said, key)
		}
	}
}

func texts(notes []setting.Note) (out []string) {
	for _, n := range notes {
		out = append(out, n.String())
	}
	return out
}

// Around a text model stands what says the same, and what only other models need.
func TestHybridAroundText(t *testing.T) {
	around := func(keys string) string {
		return `{"architectures": ["Qwen3_5ForConditionalGeneration"], "model_type": "qwen3_5", "text_config": ` +
			strings.Replace(hybridText, `"architectures": ["Qwen3_5ForCausalLM"],`, "", 1) + keys + `}`
	}
	plain := parse(t, hybridText)
	for _, keys := range []string{``, `, "tie_word_embeddings": true, "dtype": "float16"`, `, "vision_config": {"depth": 3}`} {
		if c := parse(t, around(keys)); c.Config != plain.Config {
			t.Errorf("%s: got %+v", keys, c.Config)
		}
	}
	_, err := ParseHF([]byte(around(`, "tie_word_embeddings": false`)))
	var e *setting.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "tie_word_embeddings is false, but text_config.tie_word_embeddings is true") {
		t.Errorf("got %v", err)
	}
	c, err := ParseHF([]byte(around(`, "tie_word_embeddings": false`)), "tie_word_embeddings=false")
	if err != nil || c.TieWordEmbeddings {
		t.Errorf("got %v", err)
	}
}

func TestHybridRefusals(t *testing.T) {
	for _, c := range []struct{ old, by, want string }{
		{`"linear_num_key_heads": 2`, `"linear_num_key_heads": null`, "linear_num_key_heads is null"},
		{`"linear_num_key_heads": 2,`, ``, "linear_num_key_heads is missing"},
		{`"linear_num_key_heads": 2`, `"linear_num_key_heads": 1.5`, "linear_num_key_heads is 1.5"},
		{`"linear_num_key_heads": 2`, `"linear_num_key_heads": 4`, "linear_num_value_heads 6 is not a multiple"},
		{`"linear_value_head_dim": 16`, `"linear_value_head_dim": 32`, "linear_value_head_dim is 32"},
		{`"linear_conv_kernel_dim": 3`, `"linear_conv_kernel_dim": 33`, "linear_conv_kernel_dim is 33"},
		{`"linear_conv_kernel_dim": 3`, `"linear_conv_kernel_dim": 3, "full_attention_interval": 4`, "layer_types is "},
		{`"linear_attention", "full_attention"]`, `"full_attention", "full_attention"]`, "layer_types is "},
		{`"full_attention"`, `"linear_attention"`, "layer_types has no full_attention"},
		{`"hidden_act"`, `"attn_output_gate": false, "hidden_act"`, "attn_output_gate is false"},
		{`"hidden_act"`, `"output_gate_type": "sigmoid", "hidden_act"`, `output_gate_type is "sigmoid"`},
		{`"qwen3_5_text"`, `"qwen3_5_moe_text"`, `model_type is "qwen3_5_moe_text"`},
		{`Qwen3_5ForCausalLM`, `Qwen3_5MoeForCausalLM`, "Qwen3_5MoeForCausalLM"},
		{`"model_type": "qwen3_5_text"`, `"model_type": "qwen3_5", "text_config": {"model_type": "qwen3_next"}`, "text_config.model_type is"},
		{`"model_type": "qwen3_5_text"`, `"model_type": "qwen3_5", "text_config": 7`, "text_config: "},
		{`"rope_type": "default"`, `"rope_type": "mrope"`, `rope_type is "mrope"`},
	} {
		n := 1
		if c.old == `"full_attention"` {
			n = -1
		}
		text := strings.Replace(hybridText, c.old, c.by, n)
		if _, err := ParseHF([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.by, err, c.want)
		}
	}
}

// A model of 2 key heads whose 6 value heads are in groups comes into tiled order, in which value head v reads key
// head v mod 2, and back.
func TestValueHeads(t *testing.T) {
	c := parse(t, hybridText)
	for _, spec := range c.Tensors() {
		h, columns := c.ValueHeads(spec)
		if h.N == 0 {
			continue
		}
		axis := spec.Shape[0]
		if columns {
			axis = spec.Shape[len(spec.Shape)-1]
		}
		tiled, back := h.Transposed(2), h.Transposed(3)
		var heads []int
		for i := range axis {
			if back(tiled(i)) != i || tiled(back(i)) != i {
				t.Fatalf("%s: %d goes to %d and %d", spec.Name, i, back(tiled(i)), tiled(back(i)))
			}
			if i >= h.First && (i-h.First)%h.Size == 0 {
				heads = append(heads, (tiled(i)-h.First)/h.Size)
			}
		}
		if !slices.Equal(heads, []int{0, 3, 1, 4, 2, 5}) {
			t.Errorf("%s: heads %v", spec.Name, heads)
		}
	}
}

// No config.json of a hybrid makes the reader panic, and what it reads is written and read again as the same shape.
func FuzzHybridConfig(f *testing.F) {
	around := `{"model_type": "qwen3_5", "vision_config": {"depth": 3}, "text_config": ` + hybridText + `, "tie_word_embeddings": true}`
	f.Add([]byte(hybridText), "vocab_size=9")
	f.Add([]byte(around), "tie_word_embeddings=false")
	f.Add([]byte(strings.Replace(around, `"qwen3_5_text"`, `"qwen3_5"`, 1)), "text_config=7")
	f.Add([]byte(strings.Replace(hybridText, `"rope_type": "default"`, `"mrope_section": [6, 5, 5], "mrope_interleaved": true, "rope_type": "default"`, 1)), "")
	f.Add([]byte(strings.Replace(hybridText, `"layer_types"`, `"full_attention_interval": 2, "layer_types"`, 1)), "full_attention_interval=4")
	f.Add([]byte(`{"model_type": "qwen3_5", "text_config": {"model_type": "qwen3_5_text", "layer_types": null}}`), "")
	f.Fuzz(func(t *testing.T, text []byte, set string) {
		c, err := ParseHF(text, set)
		if err != nil || !c.IsHybrid() {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("read what is invalid: %v", err)
		}
		written, err := json.Marshal(ForTraining(c.Config, -1, -1))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseHF(written); err != nil || again.Config != c.Config {
			t.Errorf("%s is read as %+v, %v, want %+v", written, again.Config, err, c.Config)
		}
	})
}
