package model

import (
	"strings"
	"testing"
)

// bitnet2B has the keys that the folders of packed weights and of masters have in common.
const bitnet2B = `"architectures": ["BitNetForCausalLM"], "auto_map": {"AutoConfig": "x", "AutoModelForCausalLM": "y"}, "bos_token_id": 128000,
	"eos_token_id": 128001, "hidden_act": "relu2", "hidden_size": 2560, "initializer_range": 0.02, "intermediate_size": 6912, "max_position_embeddings": 4096,
	"model_type": "bitnet", "rms_norm_eps": 1e-05, "num_attention_heads": 20, "num_hidden_layers": 30, "num_key_value_heads": 5, "rope_theta": 500000.0,
	"tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256`

// published has the keys of published config.json files, with sizes of their kind, and what is
// said of each.
var published = []struct {
	name, config string
	want         []string // what the error says; nothing: the model is read without a warning
}{
	{"BitNet b1.58 2B-4T", bitnet2B + `, "quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"}`, nil},
	{"BitNet b1.58 2B-4T, masters", bitnet2B + `, "quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}`, nil},
	{"1bitLLM bitnet_b1_58-large", `"_name_or_path": "x", "architectures": ["BitnetForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
		"hidden_act": "silu", "hidden_size": 1536, "initializer_range": 0.02, "input_bits": 8, "intermediate_size": 4096, "max_position_embeddings": 2048,
		"model_type": "llama", "num_attention_heads": 16, "num_hidden_layers": 24, "num_key_value_heads": 16, "pad_token_id": 32000, "pretraining_tp": 1,
		"rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0, "tie_word_embeddings": true, "torch_dtype": "float16",
		"transformers_version": "4.39.0", "use_cache": true, "vocab_size": 32002, "weight_bits": 1`, nil},
	{"Falcon3-7B-1.58bit", `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 11, "eos_token_id": 11,
		"head_dim": 256, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02, "intermediate_size": 23040, "max_position_embeddings": 32768,
		"mlp_bias": false, "model_type": "llama", "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 4, "pretraining_tp": 1,
		"quantization_config": {"modules_to_not_convert": null, "quant_method": "bitnet"}, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000042,
		"tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.46.1", "use_cache": true, "vocab_size": 131080`, nil},
	{"Falcon-E", `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 11, "head_dim": 128,
		"hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 13312, "max_position_embeddings": 32768, "mlp_bias": false,
		"model_type": "llama", "num_attention_heads": 16, "num_hidden_layers": 32, "num_key_value_heads": 2, "pad_token_id": 0, "pretraining_tp": 1,
		"quantization_config": {"linear_class": "bitlinear", "modules_to_not_convert": ["lm_head"], "quant_method": "bitnet", "quantization_mode": "offline"},
		"rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 1000042.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": false,
		"vocab_size": 32768`, nil},
	{"Llama3-8B-1.58", `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": 128009,
		"hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 8192, "mlp_bias": false,
		"model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
		"quantization_config": {"modules_to_not_convert": null, "quant_method": "bitnet"}, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 500000.0,
		"tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.44.0.dev0", "use_cache": true, "vocab_size": 128256`, nil},
	{"Llama 3.1 70B", `"_name_or_path": "x", "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
		"eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "hidden_size": 8192, "initializer_range": 0.02, "intermediate_size": 28672,
		"max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 64, "num_hidden_layers": 80, "num_key_value_heads": 8,
		"pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
		"original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
		"transformers_version": "4.44.0.dev0", "use_cache": true, "vocab_size": 128256`, nil},
	{"Llama 3.2 3B", `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": 128001,
		"head_dim": 128, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072,
		"mlp_bias": false, "model_type": "llama", "num_attention_heads": 24, "num_hidden_layers": 28, "num_key_value_heads": 8, "pretraining_tp": 1,
		"rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
		"rope_type": "llama3"}, "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "vocab_size": 128256`, nil},
	{"SmolLM2-135M", `"_name_or_path": "x", "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 0,
		"eos_token_id": 0, "head_dim": 64, "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
		"is_llama_config": true, "max_position_embeddings": 2048, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
		"num_key_value_heads": 3, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
		"tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers.js_config": {"dtype": "q4"}, "transformers_version": "4.48.0",
		"use_cache": true, "vocab_size": 49152`, nil},
	{"Qwen2.5-7B", `"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645, "hidden_act": "silu",
		"hidden_size": 3584, "initializer_range": 0.02, "intermediate_size": 18944, "max_position_embeddings": 32768, "max_window_layers": 28,
		"model_type": "qwen2", "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
		"sliding_window": 131072, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.43.1", "use_cache": true,
		"use_sliding_window": false, "vocab_size": 152064`, []string{`model_type is "qwen2"`, "biases"}},
	{"Qwen3", `"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
		"head_dim": 128, "hidden_act": "silu", "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 40960,
		"max_window_layers": 28, "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
		"rope_scaling": null, "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
		"transformers_version": "4.51.0", "use_cache": true, "use_sliding_window": false, "vocab_size": 151936`, nil},
	{"Qwen3-1.7B, transformers 5", `"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643, "dtype": "bfloat16",
		"eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 6144,
		"layer_types": ["full_attention", "full_attention"], "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3",
		"num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "pad_token_id": null, "rms_norm_eps": 1e-06,
		"rope_parameters": {"rope_theta": 1000000, "rope_type": "default"}, "sliding_window": null, "tie_word_embeddings": true,
		"transformers_version": "5.17.0", "use_cache": true, "use_sliding_window": false, "vocab_size": 151936`, nil},
	{"BitCPM, as vLLM names its longrope", `"architectures": ["MiniCPMLongRopeForCausalLM"]`, []string{"architectures has MiniCPMLongRopeForCausalLM"}},
	{"Gemma 2 2B", `"architectures": ["Gemma2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2,
		"cache_implementation": "hybrid", "eos_token_id": [1, 107], "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
		"hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304, "initializer_range": 0.02, "intermediate_size": 9216, "max_position_embeddings": 8192,
		"model_type": "gemma2", "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "pad_token_id": 0, "query_pre_attn_scalar": 256,
		"rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096, "vocab_size": 256000`, []string{`model_type is "gemma2"`}},
	{"Gemma 3 1B", `"architectures": ["Gemma3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": null, "bos_token_id": 2,
		"cache_implementation": "hybrid", "eos_token_id": [1, 106], "final_logit_softcapping": null, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
		"hidden_size": 1152, "initializer_range": 0.02, "intermediate_size": 6912, "max_position_embeddings": 32768, "model_type": "gemma3_text",
		"num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
		"rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
		"torch_dtype": "bfloat16", "transformers_version": "4.52.4", "use_cache": true, "vocab_size": 262144`, []string{`model_type is "gemma3_text"`}},
	{"Mistral 7B v0.1", `"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
		"max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
		"rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false, "vocab_size": 32000`, []string{"sliding_window is 4096"}},
	{"Mistral 7B v0.3", `"architectures": ["MistralForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
		"initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32,
		"num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": null, "tie_word_embeddings": false,
		"torch_dtype": "bfloat16", "transformers_version": "4.42.0.dev0", "use_cache": true, "vocab_size": 32768`, nil},
	{"Mixtral", `"architectures": ["MixtralForCausalLM"], "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 32768,
		"model_type": "mixtral", "num_attention_heads": 32, "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8,
		"rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": null, "vocab_size": 32000`, []string{`model_type is "mixtral"`, "experts"}},
	{"Phi-3-medium", `"_name_or_path": "x", "architectures": ["Phi3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "auto_map": {"AutoConfig": "x"},
		"bos_token_id": 1, "embd_pdrop": 0.0, "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 5120, "initializer_range": 0.02,
		"intermediate_size": 17920, "max_position_embeddings": 4096, "model_type": "phi3", "num_attention_heads": 40, "num_hidden_layers": 40,
		"num_key_value_heads": 10, "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05,
		"rope_scaling": null, "rope_theta": 10000.0, "sliding_window": 2047, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
		"transformers_version": "4.39.3", "use_cache": true, "vocab_size": 32064`, []string{`model_type is "phi3"`}},
	{"OLMo 2 1B", `"architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "attention_bias": false, "hidden_act": "silu", "hidden_size": 2048,
		"intermediate_size": 8192, "num_attention_heads": 16, "num_hidden_layers": 16, "num_key_value_heads": 16, "max_position_embeddings": 4096,
		"rms_norm_eps": 1e-06, "rope_theta": 500000, "tie_word_embeddings": false, "vocab_size": 100352`, []string{`model_type is "olmo2"`}},
	{"Qwen3.6-27B", `"architectures": ["Qwen3_5ForConditionalGeneration"], "image_token_id": 248056, "language_model_only": false, "model_type": "qwen3_5",
		"text_config": {"attention_bias": false, "attention_dropout": 0.0, "attn_output_gate": true, "bos_token_id": 248044, "dtype": "bfloat16",
		"eos_token_id": 248044, "full_attention_interval": 4, "head_dim": 256, "hidden_act": "silu", "hidden_size": 5120, "initializer_range": 0.02,
		"intermediate_size": 17408, "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention", "linear_attention"],
		"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 48, "linear_value_head_dim": 128,
		"mamba_ssm_dtype": "float32", "max_position_embeddings": 262144, "model_type": "qwen3_5_text", "mtp_num_hidden_layers": 1,
		"mtp_use_dedicated_embeddings": false, "num_attention_heads": 24, "num_hidden_layers": 5, "num_key_value_heads": 4, "output_gate_type": "swish",
		"pad_token_id": null, "partial_rotary_factor": 0.25, "rms_norm_eps": 1e-06, "rope_parameters": {"mrope_interleaved": true,
		"mrope_section": [11, 11, 10], "partial_rotary_factor": 0.25, "rope_theta": 10000000, "rope_type": "default"}, "tie_word_embeddings": false,
		"use_cache": true, "vocab_size": 248320}, "tie_word_embeddings": false, "transformers_version": "4.57.1", "video_token_id": 248057,
		"vision_config": {"deepstack_visual_indexes": [], "depth": 27, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 1152},
		"vision_end_token_id": 248054, "vision_start_token_id": 248053`, nil},
	{"Qwen3-Next", `"architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", "num_experts": 512`, []string{`model_type is "qwen3_next"`, "experts"}},
	{"Granite 3", `"architectures": ["GraniteForCausalLM"], "attention_bias": false, "attention_dropout": 0.1, "attention_multiplier": 0.015625, "embedding_multiplier": 12.0,
		"hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192, "logits_scaling": 8.0, "max_position_embeddings": 131072, "mlp_bias": false,
		"model_type": "granite", "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8, "residual_multiplier": 0.22,
		"rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000000.0, "tie_word_embeddings": true, "vocab_size": 49155`,
		[]string{"attention_multiplier is 0.015625", "embedding_multiplier is 12", "logits_scaling is 8", "residual_multiplier is 0.22"}},
}

func TestPublishedConfigs(t *testing.T) {
	for _, p := range published {
		c, err := ParseHF([]byte("{" + p.config + "}"))
		switch {
		case len(p.want) == 0 && err != nil:
			t.Errorf("%s: %v", p.name, err)
		case len(p.want) == 0 && len(c.Warnings())+len(c.Notes()) > 0:
			t.Errorf("%s: warnings %q, notes %q", p.name, c.Warnings(), c.Notes())
		}
		for _, want := range p.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q in it", p.name, err, want)
			}
		}
		if testing.Verbose() {
			t.Logf("%s: %v", p.name, err)
		}
	}
}
