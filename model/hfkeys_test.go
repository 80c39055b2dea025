package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// strictConfig is a config.json to which keys are added: 2 layers, heads of 16.
const strictConfig = `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 9, "hidden_size": 64, "intermediate_size": 8,
	"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 512,
	"rms_norm_eps": 1e-5, "rope_theta": 10000, "tie_word_embeddings": false`

// with is strictConfig with other keys or with other values of its own.
func with(keys string) []byte {
	var own, set map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(strictConfig+"}"), &own), json.Unmarshal([]byte("{"+keys+"}"), &set)); err != nil {
		panic(err)
	}
	maps.DeleteFunc(own, func(key string, _ json.RawMessage) bool { return set[key] != nil })
	b, err := json.Marshal(own)
	if err != nil {
		panic(err)
	}
	return []byte(strings.TrimSuffix(string(b), "}") + ", " + keys + "}")
}

// refusedKeys has for every key that is refused a value that changes results and one that
// does not.
var refusedKeys = []struct{ names, matters, neutral string }{
	{`add_bias_linear add_qkv_bias attention_bias attention_in_bias attention_out_bias attention_o_bias bias enable_bias lm_head_bias mlp_bias
		qkv_bias qkv_proj_bias use_bias use_qkv_bias`, `true`, `false`},
	{`sliding_window sliding_window_size attention_chunk_size attention_window_size local_attention_window`, `511`, `512`},
	{`interleaved_sliding_window sliding_window_pattern sparse_config`, `6`, `0`},
	{`use_sliding_window use_sliding_window_attention`, `true`, `false`},
	{`layer_types layers_block_type block_types attention_types`, `["full_attention", "sliding_attention"]`, `["full_attention", "full_attention"]`},
	{`embedding_multiplier embedding_scale emb_scale scale_emb`, `12`, `1`},
	{`normalize_embedding scale_embedding scale_embeddings use_scaled_embedding`, `true`, `false`},
	{`residual_multiplier residual_scale attention_out_multiplier mlp_multiplier ssm_out_multiplier`, `0.22`, `1.0`},
	{`scale_depth`, `1.4`, `2`},
	{`logit_scale logits_scaling lm_head_multiplier output_multiplier_scale width_scale`, `0.0625`, `1`},
	{`dim_model_base`, `256`, `64`},
	{`attn_logit_softcapping attention_logit_cap clip_qkv logits_soft_cap output_logit_cap`, `30`, `null`},
	{`attention_multiplier attention_scale softmax_scale`, `0.0078125`, `0.25`},
	{`query_pre_attn_scalar`, `256`, `16`},
	{`attn_temperature_tuning mup_attn attn_scale use_log_n_attn use_logn_attn scale_attn_by_inverse_layer_idx`, `true`, `false`},
	{`decoder_sparse_step expert_layer_period moe moe_intermediate_size moe_layer_freq moe_layers n_group n_routed_experts n_shared_experts num_experts
		num_experts_per_tok num_experts_per_token num_local_experts num_shared_experts shared_expert_intermediate_size shared_intermediate_size
		first_k_dense_replace enable_moe_block topk_group`, `8`, `0`},
	{`mlp_only_layers`, `[1]`, `[]`},
	{`norm_topk_prob`, `true`, `false`},
	{`kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim linear_conv_kernel_dim linear_key_head_dim linear_num_key_heads linear_num_value_heads
		linear_value_head_dim full_attention_interval mamba_d_state mamba_d_ssm ssm_cfg state_size num_kv_shared_layers sink_size`, `64`, `null`},
	{`output_gate_type`, `"sigmoid"`, `""`},
	{`mtp_num_hidden_layers`, `1`, `0`},
	{`mtp_use_dedicated_embeddings`, `true`, `false`},
	{`attn_output_gate add_cross_attention attention_sink attention_sinks use_attention_sinks`, `true`, `false`},
	{`v_head_dim kv_channels`, `32`, `16`},
	{`is_encoder_decoder use_bidirectional_attention bidirectional is_encoder is_prefix_lm tie_encoder_decoder`, `true`, `false`},
	{`causal is_causal is_decoder_only use_rmsnorm rmsnorm use_rms_norm`, `false`, `true`},
	{`alibi apply_residual_connection_post_layernorm cross_layer_kv_sharing multi_query new_decoder_architecture parallel_attn post_norm qk_layernorm use_alibi
		use_parallel_residual use_post_norm use_double_wide_mlp`, `true`, `false`},
	{`hidden_size_per_layer_input laurel_rank altup_num_inputs num_nextn_predict_layers ple_hidden_size`, `1`, `0`},
	{`activation_sparsity_pattern`, `[0.95]`, `[]`},
	{`pruned_heads`, `{"1": [2]}`, `{}`},
	{`use_qk_norm use_qk_layernorm`, `true`, `false`},
	{`activation_function hidden_activation mlp_hidden_act`, `"gelu"`, `"silu"`},
	{`layer_norm_eps layer_norm_epsilon layernorm_epsilon norm_eps norm_epsilon`, `0.000001`, `1e-5`},
	{`rotary_emb_base rotary_base rope_base`, `500000`, `10000`},
	{`rotary_dim rope_dim`, `8`, `16`},
	{`rope_interleave rope_interleaved rotary_interleaved use_mrope`, `true`, `false`},
	{`mrope_section`, `[1, 2]`, `[]`},
	{`no_rope_layers nope_layers`, `[1, 0]`, `[1, 1]`},
	{`no_rope_layer_interval nope_layer_interval`, `4`, `0`},
	{`position_embedding_type`, `"learned"`, `"rope"`},
	{`norm_type normalization_type layer_norm_type`, `"layernorm"`, `"rmsnorm"`},
	{`audio_config text_config vision_config draft_config eagle_config`, `{"hidden_size": 3}`, `null`},
	{`compression_config quantization`, `{"bits": 4}`, `{}`},
	{`weight_bits`, `2`, `1`},
	{`input_bits`, `4`, `8`},
}

func TestRefusedKeys(t *testing.T) {
	tried := map[string]bool{}
	for _, row := range refusedKeys {
		for _, name := range strings.Fields(row.names) {
			tried[name] = true
			key := fmt.Sprintf("%q: ", name)
			_, err := ParseHF(with(key + row.matters))
			if value, _, _ := strings.Cut(row.matters, " "); err == nil || !strings.Contains(err.Error(), name+" is "+value[:min(len(value), 9)]) {
				t.Errorf("%s%s: got %v, want an error that names both", key, row.matters, err)
			}
			for _, v := range []string{row.neutral, "null"} {
				if c, err := ParseHF(with(key + v)); err != nil || len(c.Warnings()) > 0 {
					t.Errorf("%s%s: got %v, want that it is harmless", key, v, err)
				}
			}
		}
	}
	for name, key := range hfKeys {
		if (key.Effect == Refused) != tried[name] {
			t.Errorf("%s: refused and tried are not the same", name)
		}
	}
}

func TestHarmlessKeys(t *testing.T) {
	for name, key := range hfKeys {
		if key.Effect != Harmless {
			continue
		}
		if c, err := ParseHF(with(fmt.Sprintf("%q: 7", name))); name != "torch_dtype" && (err != nil || len(c.Warnings()) > 0) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// All keys that are not known are in one warning, those of the same letters in other case and
// those of quantization_config among them.
func TestUnknownKeys(t *testing.T) {
	c, err := ParseHF(with(`"zeta": 1, "alpha": {"x": 2}, "Rope_Theta": 7, "odd\nkey {a.B}": null,
		"quantization_config": {"quant_method": "bitnet", "flavour": 3}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `config.json has 5 keys that are not known here and were left out of the computation: Rope_Theta, alpha, "odd\nkey (a.B)", zeta, quantization_config.flavour`
	if w := c.Warnings(); len(w) != 1 || w[0].String() != want || c.RopeTheta != 10000 {
		t.Errorf("got %q, want one warning %q", w, want)
	}
	one, err := ParseHF(with(`"zeta": 1`))
	if err != nil || len(one.Warnings()) != 1 || !strings.HasSuffix(one.Warnings()[0].String(), "computation: zeta") {
		t.Errorf("got %v, %v", one.Warnings(), err)
	}
	if c := parse(t, strictConfig+"}"); len(c.Warnings())+len(c.Notes()) != 0 {
		t.Errorf("warnings %q and notes %q of nothing", c.Warnings(), c.Notes())
	}
}

// What a file says in two ways must agree, and what it says in part must be whole.
func TestContradictions(t *testing.T) {
	for _, c := range []struct {
		keys string
		want []string // nothing: it is harmless
	}{
		{`"rope_parameters": {"rope_theta": 500000, "rope_type": "default"}`, []string{"rope_theta is 10000", "rope_parameters.rope_theta is 500000", "Options.Set"}},
		{`"rope_parameters": {"rope_theta": 10000, "rope_type": "default"}`, nil},
		{`"rope_scaling": {"factor": 4}`, []string{`rope_scaling is {"factor":4}`, "without a rope_type"}},
		{`"rope_scaling": {"low_freq_factor": 1}`, []string{"low_freq_factor", "without a rope_type"}},
		{`"rope_scaling": 4`, []string{"rope_scaling is 4"}},
		{`"rope_scaling": "linear"`, []string{`rope_scaling is "linear"`}},
		{`"rope_scaling": {}`, nil},
		{`"rope_scaling": null`, nil},
		{`"rope_scaling": {"type": "default", "rope_type": "default"}`, nil},
		{`"rope_scaling": {"type": "default", "rope_type": "yarn"}`, []string{`type is "default"`, `rope_type is "yarn"`}},
		{`"rope_scaling": {"type": "dynamic", "factor": 2}`, nil},
		{`"rope_scaling": {"type": "dynamic", "factor": 2}, "rope_parameters": {"rope_type": "linear", "factor": 2}`,
			[]string{`rope_scaling is {"rope_type":"dynamic","factor":2}, but rope_parameters is {"rope_type":"linear","factor":2}`, "Options.Set"}},
		{`"rope_scaling": {"rope_type": "linear", "factor": 2, "rope_theta": 500000}`, []string{"rope_theta is 10000, but rope_scaling.rope_theta is 500000"}},
		{`"rope_scaling": {"rope_type": "starfish"}, "scale_emb": 12`, []string{`rope_type is "starfish"`, "scale_emb is 12"}},
		{`"rotary_pct": 0.5`, []string{"rotary_pct is 0.5", "partial_rotary_factor"}},
		{`"rotary_pct": 1`, nil},
		{`"rope_local_base_freq": 10000`, []string{"rope_local_base_freq is 10000"}},
		{`"partial_rotary_factor": 0.5, "rotary_dim": 8`, nil},
		{`"partial_rotary_factor": 0.5, "rotary_dim": 16`, []string{"rotary_dim is 16"}},
		{`"partial_rotary_factor": 0.5`, nil},
		{`"partial_rotary_factor": 0.5, "rope_parameters": {"partial_rotary_factor": 0.25}`,
			[]string{"partial_rotary_factor is 0.5, but rope_parameters.partial_rotary_factor is 0.25", "Options.Set partial_rotary_factor=NUMBER"}},
		{`"partial_rotary_factor": 1.5`, []string{"partial_rotary_factor is 1.5"}},
		{`"partial_rotary_factor": 1.0`, nil},
		{`"head_dim": 24`, nil}, // which is between the weights and this key, see hffolder
		{`"num_attention_heads": 3, "num_key_value_heads": 3`, []string{"hidden_size is 64", "num_attention_heads 3", "head_dim"}},
		{`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": ["lm_head", "down_proj"]}`, []string{`modules_to_not_convert is ["lm_head","down_proj"]`}},
		{`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": ["model.layers.3.mlp"]}`, []string{"modules_to_not_convert"}},
		{`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": ["lm_head", "embed_tokens", "model.layers.9.mlp"]}`, nil},
		{`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": null, "linear_class": "bitlinear"}`, nil},
		{`"quantization_config": {"quant_method": "gptq", "bits": 4}`, []string{`quantization_config.quant_method is "gptq"`}},
		{`"quantization_config": {"quant_method": "bitnet", "use_rms_norm": true}`, []string{"quantization_config.use_rms_norm is true"}},
		{`"use_sliding_window": false, "sliding_window": 4`, nil},
		{`"architectures": ["Gemma2ForCausalLM"]`, []string{"architectures has Gemma2ForCausalLM", "Options.Set"}},
		{`"architectures": ["Qwen3MoeForCausalLM"]`, []string{"architectures has Qwen3MoeForCausalLM"}},
		{`"model_type": "starfish"`, []string{`model_type is "starfish"`, "Options.Set"}},
		{`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": ["lm_head$", "re:.*embed.*", "*norm*"]}`, nil},
		{`"architectures": ["MistralForCausalLM"]`, []string{`model_type is "llama", but architectures has MistralForCausalLM`, "Options.Set"}},
		{`"architectures": ["LlamaBidirectionalModel"]`, []string{"architectures has LlamaBidirectionalModel"}},
		{`"architectures": ["Qwen2ForCausalLM"]`, []string{"architectures has Qwen2ForCausalLM: its query, key and value projections have biases"}},
		{`"architectures": ["Llama4ForCausalLM"]`, []string{"architectures has Llama4ForCausalLM"}},
		{`"architectures": ["BitnetForCausalLM"]`, nil},
		{`"architectures": ["LLaMAForCausalLM"]`, nil},
		{`"zeta": 1, "zeta": 1`, []string{"zeta stands twice"}},
		{`"rope_scaling": {"rope_type": "linear", "factor": 2, "factor": 4}`, []string{"rope_scaling: factor stands twice"}},
		{`"bos_token_id": [1]`, []string{"bos_token_id: want a whole number, found a list"}},
		{`"partial_rotary_factor": "0.5"`, []string{"partial_rotary_factor: want a number, found text"}},
		{`"rope_scaling": {"rope_type": "linear", "factor": "2"}`, []string{"factor: want a number, found text"}},
	} {
		_, err := ParseHF(with(c.keys))
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.keys, err)
		}
		for _, want := range c.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q in it", c.keys, err, want)
			}
		}
	}
}

// A list of modules is read as regular expressions, as globs and as parts of names.
func TestModulesOfProjections(t *testing.T) {
	for _, entry := range []string{
		"down_proj$", `model\\.layers\\.0\\..*`, "re:.*mlp.*", "model.layers.*.mlp", "*mlp*", ".*down_proj",
		"model.layers.[01].mlp.down_proj", "layers.3", "gate", "^(?!lm_head).*",
	} {
		_, err := ParseHF(with(`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": ["` + entry + `"]}`))
		if err == nil || !strings.Contains(err.Error(), "modules_to_not_convert is") {
			t.Errorf("%s: got %v, want that it is refused", entry, err)
		}
	}
}

func TestListsOfModulesTakeNoLongTime(t *testing.T) {
	list := strings.TrimSuffix(strings.Repeat(`"lm_head", `, maxModules/4+1), ", ")
	_, err := ParseHF(with(`"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": [` + list + `]}`))
	if err == nil || !strings.Contains(err.Error(), "modules_to_not_convert is") {
		t.Errorf("got %v, want that a list too long is refused", err)
	}
}

// A file without model_type is of the class of its architecture.
func TestClassOfArchitecture(t *testing.T) {
	const sizes = `, "vocab_size": 9, "hidden_size": 64, "intermediate_size": 8, "num_hidden_layers": 4, "num_attention_heads": 4}`
	for architecture, want := range map[string]string{
		"MiniCPM3ForCausalLM": "architectures has MiniCPM3ForCausalLM", "GraniteForCausalLM": "attention_multiplier is 1", "MistralModel": "sliding_window is 4096",
	} {
		if _, err := ParseHF([]byte(`{"architectures": ["` + architecture + `"]` + sizes)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", architecture, err, want)
		}
	}
	c := parse(t, `{"architectures": ["Qwen3ForCausalLM"], "rms_norm_eps": 1e-6`+sizes)
	if n := c.Notes(); !c.QKNorm || c.ModelType != "qwen3" || len(n) != 2 || !strings.Contains(n[0].String(), "taken for qwen3") {
		t.Errorf("QKNorm %v, model_type %q, notes %q", c.QKNorm, c.ModelType, n)
	}
}

// What the user says goes before the file.
func TestSetKeys(t *testing.T) {
	two := string(with(`"rope_parameters": {"rope_theta": 500000, "rope_type": "default", "partial_rotary_factor": 0.25}, "sliding_window": 4, "head_dim": 8`))
	c, err := ParseHF([]byte(two), "rope_theta=250000", "partial_rotary_factor=0.5", "sliding_window=null", "tie_word_embeddings=true", "head_dim=32", `hidden_act=relu2`)
	if err != nil {
		t.Fatal(err)
	}
	if c.RopeTheta != 250000 || !c.TieWordEmbeddings || c.HeadDim != 32 || c.RotaryDim() != 16 || c.HiddenAct != ReLU2 {
		t.Errorf("the configuration is %+v", c.Config)
	}
	for set, want := range map[string]string{"rope_theta": "want KEY=VALUE", "=3": "want KEY=VALUE", "head_dim=x": "head_dim", "logit_scale=3": "logit_scale is 3"} {
		if _, err := ParseHF([]byte(strictConfig+"}"), set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", set, err, want)
		}
	}
}

// What a file leaves out is what the class of its model_type takes, and is said.
func TestClassDefaults(t *testing.T) {
	const sizes = `"vocab_size": 9, "hidden_size": 64, "intermediate_size": 8, "num_hidden_layers": 4, "num_attention_heads": 4`
	for _, c := range []struct {
		head       string
		eps, theta float64
		context    int
		act        string
	}{
		{`"model_type": "llama"`, 1e-6, 1e4, 2048, SiLU},
		{`"model_type": "qwen3"`, 1e-6, 1e4, 32768, SiLU},
		{`"model_type": "bitnet"`, 1e-5, 5e5, 2048, ReLU2},
		{`"model_type": "llama", "architectures": ["BitnetForCausalLM"]`, 1e-6, 1e4, 2048, SiLU},
		{`"model_type": "mistral", "sliding_window": null`, 1e-6, 1e4, 131072, SiLU},
		{`"architectures": ["BitNetForCausalLM"]`, 1e-5, 1e4, 2048, ReLU2},
	} {
		got := parse(t, "{"+c.head+", "+sizes+"}")
		if got.RMSNormEps != c.eps || got.RopeTheta != c.theta || got.MaxPositionEmbeddings != c.context || got.HiddenAct != c.act {
			t.Errorf("%s: %+v", c.head, got.Config)
		}
		if n := got.Notes(); len(n) != 1 || !strings.Contains(n[0].String(), "rms_norm_eps "+fmt.Sprint(c.eps)) {
			t.Errorf("%s: notes %q", c.head, n)
		}
	}
	if _, err := ParseHF([]byte(`{"model_type": "mistral", "max_position_embeddings": 32768, ` + sizes + "}")); err == nil || !strings.Contains(err.Error(), "sliding_window is 4096") {
		t.Errorf("the window that Mistral's class has: %v", err)
	}
}

// Without tie_word_embeddings, a head that is there is the head.
func TestTieFollowsTheHead(t *testing.T) {
	for _, c := range []struct {
		keys       string
		head, tied bool
	}{
		{`"model_type": "bitnet"`, true, false}, {`"model_type": "bitnet"`, false, true},
		{`"model_type": "qwen3"`, true, false}, {`"model_type": "llama"`, true, false}, {`"model_type": "llama"`, false, false},
		{`"model_type": "bitnet", "tie_word_embeddings": true`, true, true}, {`"model_type": "qwen3", "tie_word_embeddings": false`, false, false},
	} {
		got := parse(t, `{`+c.keys+`, "vocab_size": 9, "hidden_size": 64, "intermediate_size": 8, "num_hidden_layers": 4, "num_attention_heads": 4}`)
		if err := got.Observe(func(name string) bool { return c.head && name == LMHead }); err != nil || got.TieWordEmbeddings != c.tied {
			t.Errorf("%s, head %v: tied is %v, %v", c.keys, c.head, got.TieWordEmbeddings, err)
		}
	}
}
