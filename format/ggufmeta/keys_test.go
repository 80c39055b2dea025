package ggufmeta

import (
	"fmt"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

// shape is a model whose keys are judged.
func shape() *model.Config {
	c := &model.Config{VocabSize: 9, HiddenSize: 64, IntermediateSize: 8, NumHiddenLayers: 4, NumAttentionHeads: 4, MaxPositionEmbeddings: 512,
		RMSNormEps: 1e-5, RopeTheta: 1e4}
	c.Resolve()
	return c
}

// refusedKeys has for every key that is refused a value that changes results and one that
// does not.
var refusedKeys = []struct {
	names            string
	matters, neutral any
}{
	{"general.type", "adapter", "model"},
	{"split.count", uint16(2), uint16(1)},
	{"tokenizer.ggml.add_bos_token tokenizer.ggml.add_eos_token tokenizer.ggml.add_space_prefix", uint32(1), true},
	{`tokenizer.ggml.bos_token_id tokenizer.ggml.eos_token_id tokenizer.ggml.unknown_token_id tokenizer.ggml.padding_token_id
		tokenizer.ggml.eot_token_id tokenizer.ggml.eom_token_id`, int32(-1), uint32(3)},
	{"tokenizer.chat_template tokenizer.huggingface.json", uint32(1), "text"},
	{"llama.pooling_type", "mean", uint32(1)},
	{"tokenizer.ggml.remove_extra_whitespaces tokenizer.ggml.normalizer.lowercase tokenizer.ggml.treat_whitespace_as_suffix tokenizer.ggml.byte_fallback_off", true, false},
	{"tokenizer.ggml.precompiled_charsmap", []uint8{1}, []uint8{}},
	{"tokenizer.ggml.add_sep_token", true, false},
	{"tokenizer.ggml.escape_whitespaces", false, true},
	{"llama.rope.dimension_sections", []int32{8, 8, 0, 0}, []int32{}},
	{"llama.rope.scaling.alpha", float32(1000), float32(1)},
	{"llama.rope.freq_base_swa llama.rope.dimension_count_swa", uint32(8), uint32(0)},
	{"llama.attention.layer_norm_epsilon llama.attention.group_norm_epsilon", float32(1e-6), float32(1e-5)},
	{"llama.attention.sliding_window llama.attention.chunk_size", uint32(511), uint32(512)},
	{"llama.attention.sliding_window_pattern llama.attention.shared_kv_layers llama.attention.sliding_window_period", uint32(6), uint32(0)},
	{"llama.attention.causal", false, true},
	{"llama.attention.scale", float32(0.0078125), float32(0.25)},
	{"llama.attention.temperature_length llama.attention.temperature_scale llama.attention.max_alibi_bias", float32(8), float32(0)},
	{"llama.attention.clamp_kqv llama.attn_logit_softcapping llama.router_logit_softcapping", float32(30), float32(0)},
	{"llama.embedding_scale llama.residual_scale llama.attention.output_scale llama.logit_scale", float32(12), float32(1)},
	{`llama.expert_count llama.expert_used_count llama.expert_feed_forward_length llama.expert_gating_func llama.expert_group_count
		llama.expert_group_used_count llama.expert_shared_count llama.expert_shared_feed_forward_length llama.expert_weights_scale
		llama.interleave_moe_layer_step llama.leading_dense_block_count llama.moe_every_n_layers`, uint32(8), uint32(0)},
	{"llama.expert_weights_norm llama.use_parallel_residual llama.swin_norm llama.ssm.dt_b_c_rms", true, false},
	{`llama.attention.kv_lora_rank llama.attention.q_lora_rank llama.attention.key_length_mla llama.attention.value_length_mla
		llama.attention.indexer.head_count llama.full_attention_interval llama.ssm.conv_kernel llama.ssm.inner_size llama.ssm.state_size
		llama.ssm.time_step_rank llama.ssm.group_count llama.wkv.head_size llama.attention.recurrent_layers llama.attention.relative_buckets_count`, uint32(4), uint32(0)},
	{`llama.nextn_predict_layers llama.altup.num_inputs llama.embedding_length_per_layer_input llama.n_deepstack_layers
		llama.attention.key_length_swa llama.attention.value_length_swa`, uint32(1), uint32(0)},
	{"llama.activation_sparsity_scale", []float32{0.9}, []float32{}},
	{"llama.embedding_length_out", uint32(32), uint32(64)},
}

func TestRefusedKeys(t *testing.T) {
	tried := map[string]bool{}
	for _, row := range refusedKeys {
		for _, name := range strings.Fields(row.names) {
			tried[name] = true
			for _, v := range []any{row.matters, row.neutral} {
				var m gguf.Metadata
				m.Set(name, v)
				notes, err := checkKeys(&m, Llama, shape())
				matters := fmt.Sprint(v) == fmt.Sprint(row.matters)
				if (err != nil) != matters || err != nil && !strings.Contains(err.Error(), name+" is ") || len(notes) > 0 {
					t.Errorf("%s %v: got %v, %q, want an error that names it: %v", name, v, err, notes, matters)
				}
			}
		}
	}
	for name, key := range keysOf(Llama) {
		if (key.Effect == model.Refused) != tried[name] {
			t.Errorf("%s: refused and tried are not the same", name)
		}
	}
}

// All keys that are not known are in one warning, those of other architectures among them; keys
// about where a model is from are known.
func TestUnknownKeys(t *testing.T) {
	var m gguf.Metadata
	for _, name := range []string{"general.architecture", "general.base_model.0.name", "general.anything", "quantize.imatrix.file",
		"llama.block_count", "llama.zeta", "qwen2.rope.scaling.type", "mystery"} {
		m.Set(name, uint32(1))
	}
	notes, err := checkKeys(&m, Llama, shape())
	const want = "the metadata has 3 keys that are not known here and were left out of the computation: llama.zeta, mystery, qwen2.rope.scaling.type"
	if err != nil || len(notes) != 1 || notes[0].String() != want {
		t.Errorf("got %q, %v, want one warning %q", notes, err, want)
	}
}

// Keys that results depend on and that are not there are said.
func TestAssumedKeys(t *testing.T) {
	var m gguf.Metadata
	m.Set("tokenizer.ggml.tokens", []string{"a"})
	want := []string{
		"the metadata has no llama.rope.freq_base: it is taken for 10000, as llama.cpp does",
		"the metadata has no tokenizer.ggml.token_type: no token is special, so their names in a text are read as text",
	}
	if notes := assumed(&m, Llama, shape()); fmt.Sprintf("%q", notes) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q, want %q", notes, want)
	}
	m.Set("llama.rope.freq_base", float32(1e4))
	m.Set("tokenizer.ggml.token_type", []int32{1})
	if notes := assumed(&m, Llama, shape()); len(notes) != 0 {
		t.Errorf("got %q for a file that has them", notes)
	}
}

func TestMergesThatAreNotThere(t *testing.T) {
	var m gguf.Metadata
	m.Set("tokenizer.ggml.model", "gpt2")
	if err := checkMerges(&m); err != nil {
		t.Errorf("a file without tokens: %v", err)
	}
	m.Set("tokenizer.ggml.tokens", []string{"a"})
	if err := checkMerges(&m); err == nil || !strings.Contains(err.Error(), "there is no tokenizer.ggml.merges") {
		t.Errorf("got %v, want an error of the merges", err)
	}
	m.Set("tokenizer.ggml.merges", []string{})
	if err := checkMerges(&m); err != nil {
		t.Errorf("a tokenizer of single bytes: %v", err)
	}
}

// Keys of rotary scaling that change angles are computed with, and others change nothing.
func TestRotaryKeys(t *testing.T) {
	for _, c := range []struct {
		key              string
		matters, neutral any
		want             string
	}{
		{"rope.scaling.type", "yarn", "none", `"rope_type":"yarn"`},
		{"rope.scaling.factor", float32(4), float32(1), `{"rope_type":"linear","factor":4}`},
		{"rope.scale_linear", float32(4), float32(1), `{"rope_type":"linear","factor":4}`},
		{"rope.scaling.attn_factor", float32(2), float32(1), `"attention_factor":2`},
	} {
		f := &gguf.File{}
		for _, v := range []any{c.matters, c.neutral} {
			f.Metadata.Set("llama."+c.key, v)
			got := shape()
			if err := readRotary(f, Llama, got); err != nil {
				t.Fatalf("%s %v: %v", c.key, v, err)
			}
			if text := got.RopeScaling.String(); v == c.matters && !strings.Contains(text, c.want) || v == c.neutral && text != "none" {
				t.Errorf("%s %v: the scaling is %s, want %s of %v alone", c.key, v, text, c.want, c.matters)
			}
		}
	}
}

// Sizes that the metadata says twice must agree.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"llama.vocab_size", uint32(9), ""},
		{"llama.vocab_size", uint32(10), "llama.vocab_size is 10, but token_embd.weight has 9 rows"},
		{"llama.vocab_size", "9", "llama.vocab_size is 9, but"},
		{"tokenizer.ggml.tokens", make([]string, 9), ""},
		{"tokenizer.ggml.tokens", make([]string, 10), "the tokenizer has 10 tokens, but the model has vocab_size 9"},
	} {
		var m gguf.Metadata
		m.Set(c.key, c.value)
		if err := checkSizes(&m, Llama, shape()); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, want %q", c.key, c.value, err, c.want)
		}
	}
}
