package model

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// hfKeys says what every key of a config.json does.
var hfKeys = keysOf(hfRows)

// keyRow is some keys that do the same; names are separated by space.
type keyRow struct {
	key   Key
	names string
}

func keysOf(rows []keyRow) Keys {
	keys := Keys{}
	for _, r := range rows {
		for _, name := range strings.Fields(r.names) {
			keys[name] = r.key
		}
	}
	return keys
}

var hfRows = []keyRow{
	{Key{Effect: Computed}, `
		architectures bos_token_id deadzone_bias eos_token_id final_logit_softcapping float_activations hadamard_block
		half_scales head_dim hidden_act hidden_size int4_activations intermediate_size max_position_embeddings model_type
		num_attention_heads num_hidden_layers num_key_value_heads proj_bias proj_norms qk_norm quantization_config rms_norm_eps sign
		sub_norms ternary ternary_embedding tie_word_embeddings vocab_size weight_scale`},
	{Key{Effect: OfRotary}, `
		original_max_position_embeddings partial_rotary_factor rope_local_base_freq rope_parameters rope_pct
		rope_scaling rope_theta rotary_pct`},
	// Of training, generation, other heads and bookkeeping, and what only attention without a
	// window leaves out.
	{Key{Effect: Harmless}, `
		_attn_implementation _attn_implementation_autoset _commit_hash _name_or_path activation
		attn_implementation attention_dropout attention_probs_dropout_prob auto_map bad_words_ids
		begin_suppress_tokens cache_implementation chunk_size_feed_forward classifier_dropout cross_attention_hidden_size
		custom_pipelines decoder_start_token_id diversity_penalty do_sample dtype early_stopping embd_pdrop
		embedding_dropout encoder_no_repeat_ngram_size exponential_decay_length_penalty finetuning_task
		forced_bos_token_id forced_eos_token_id fused_qkv gradient_checkpointing hidden_dropout
		hidden_dropout_prob id2label image_token_id is_llama_config initializer_range keys_to_ignore_at_inference label2id language_model_only length_penalty
		mamba_ssm_dtype
		max_length max_window_layers min_length mup_denominator no_repeat_ngram_size num_beam_groups num_beams
		neftune_noise_alpha
		num_labels num_return_sequences output_attentions output_hidden_states output_router_logits output_scores
		pad_token_id prefix pretraining_tp problem_type remove_invalid_values repetition_penalty resid_pdrop
		return_dict return_dict_in_generate router_aux_loss_coef sep_token_id suppress_tokens task_specific_params
		temperature tf_legacy_loss tokenizer_class top_k top_p torch_dtype torchscript transformers.js_config
		transformers_version typical_p unsloth_fixed unsloth_version use_bfloat16 use_cache video_token_id vision_end_token_id
		vision_start_token_id`},
	{RefusedUnless(func(v any, c *Config) bool { return Off(v, c) || v == c.ProjBias }, "puts biases behind projections"),
		"attention_bias mlp_bias"},
	{RefusedUnless(Off, "puts biases behind projections"), `
		add_bias_linear add_qkv_bias attention_in_bias attention_out_bias attention_o_bias bias
		enable_bias lm_head_bias qkv_bias qkv_proj_bias use_bias use_qkv_bias`},
	{RefusedUnless(WideWindow, "hides earlier tokens from attention"), "sliding_window sliding_window_size attention_chunk_size attention_window_size local_attention_window"},
	{RefusedUnless(Off, "hides earlier tokens from attention"), `
		interleaved_sliding_window sliding_window_pattern sparse_config use_sliding_window
		use_sliding_window_attention`},
	{RefusedUnless(kindsOfLayers, "makes layers of other kinds than full attention"), "layer_types layers_block_type block_types attention_types"},
	{RefusedUnless(OffOr(One), "scales the embedding"), "embedding_multiplier embedding_scale emb_scale"},
	{RefusedUnless(Off, "scales the embedding"), "normalize_embedding scale_embedding scale_embeddings use_scaled_embedding"},
	{RefusedUnless(OffOr(One), "scales the outputs of blocks"), "residual_multiplier residual_scale attention_out_multiplier mlp_multiplier ssm_out_multiplier"},
	{RefusedUnless(inScales(OffOr(One)), "scales the embedding"), "scale_emb"},
	{RefusedUnless(inScales(Equals(rootOfLayers)), "scales the outputs of blocks"), "scale_depth"},
	{RefusedUnless(OffOr(One), "scales the logits"), "logit_scale logits_scaling lm_head_multiplier output_multiplier_scale width_scale"},
	{RefusedUnless(inScales(Equals(func(c *Config) float64 { return float64(c.HiddenSize) })), "scales the logits"), "dim_model_base"},
	{RefusedUnless(Off, "caps logits or the scores of attention"), `
		attn_logit_softcapping attention_logit_cap clip_qkv logits_soft_cap output_logit_cap`},
	{RefusedUnless(Equals(ScoreScale), "scales the scores of attention"), "attention_multiplier attention_scale softmax_scale"},
	{RefusedUnless(Equals(func(c *Config) float64 { return float64(c.HeadDim) }), "scales the scores of attention"), "query_pre_attn_scalar"},
	{RefusedUnless(Off, "scales the scores of attention"), "attn_temperature_tuning mup_attn attn_scale use_log_n_attn use_logn_attn scale_attn_by_inverse_layer_idx"},
	{RefusedUnless(Off, "makes feed-forward layers mixtures of experts"), `
		decoder_sparse_step expert_layer_period moe moe_intermediate_size moe_layer_freq moe_layers n_group
		n_routed_experts n_shared_experts num_experts num_experts_per_tok num_experts_per_token num_local_experts
		num_shared_experts shared_expert_intermediate_size shared_intermediate_size first_k_dense_replace
		mlp_only_layers enable_moe_block norm_topk_prob topk_group`},
	{RefusedUnless(Off, "makes attention of low rank or of another kind"), `
		kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim mamba_d_state mamba_d_ssm ssm_cfg state_size
		num_kv_shared_layers add_cross_attention attention_sink attention_sinks use_attention_sinks sink_size`},
	{RefusedUnless(inHybrid(Off), "makes blocks gated delta nets, which are known of model_type "+qwen35Type+" alone"), `
		full_attention_interval linear_conv_kernel_dim linear_key_head_dim linear_num_key_heads linear_num_value_heads`},
	{RefusedUnless(func(v any, c *Config) bool {
		return Off(v, c) || c.IsHybrid() && isNumber(v, float64(c.DeltaNet.HeadDim))
	},
		"gives values of delta nets another size than keys"), "linear_value_head_dim"},
	{RefusedUnless(func(v any, c *Config) bool { return v == c.IsHybrid() }, "says otherwise than model_type whether attention has an output gate"), "attn_output_gate"},
	{RefusedUnless(func(v any, c *Config) bool { return Off(v, c) || c.IsHybrid() && Word("swish", SiLU)(v, c) },
		"is another gate behind delta nets than silu"), "output_gate_type"},
	{RefusedUnless(inHybrid(Off), "adds blocks that draft tokens (MTP)"), "mtp_num_hidden_layers mtp_use_dedicated_embeddings"},
	{RefusedUnless(Equals(func(c *Config) float64 { return float64(c.HeadDim) }), "gives values another size than keys"), "v_head_dim kv_channels"},
	{RefusedUnless(Off, "lets attention see later tokens"), "is_encoder_decoder use_bidirectional_attention bidirectional is_encoder is_prefix_lm tie_encoder_decoder"},
	{RefusedUnless(On, "changes what attention sees or how norms are computed"), "causal is_causal is_decoder_only use_rmsnorm rmsnorm use_rms_norm"},
	{Key{Effect: Harmless}, "is_decoder"}, // decoders are causal either way
	{RefusedUnless(Off, "changes where norms and blocks stand"), `
		alibi apply_residual_connection_post_layernorm cross_layer_kv_sharing multi_query new_decoder_architecture
		parallel_attn post_norm qk_layernorm use_alibi use_parallel_residual use_post_norm use_double_wide_mlp
		hidden_size_per_layer_input laurel_rank altup_num_inputs activation_sparsity_pattern
		num_nextn_predict_layers pruned_heads ple_hidden_size`},
	{RefusedUnless(func(v any, c *Config) bool { return v == c.QKNorm }, "says otherwise than model_type whether query and key heads have norms"), "use_qk_norm use_qk_layernorm"},
	{RefusedUnless(func(v any, c *Config) bool { return v == c.HiddenAct }, "is another activation than hidden_act"), "activation_function hidden_activation mlp_hidden_act"},
	{RefusedUnless(Equals(func(c *Config) float64 { return c.RMSNormEps }), "is another epsilon than rms_norm_eps"), "layer_norm_eps layer_norm_epsilon layernorm_epsilon norm_eps norm_epsilon"},
	{RefusedUnless(Equals(func(c *Config) float64 { return c.RopeTheta }), "is another base than rope_theta"), "rotary_emb_base rotary_base rope_base"},
	{RefusedUnless(Equals(func(c *Config) float64 { return float64(c.RotaryDim()) }), "turns another part of each head than partial_rotary_factor"), "rotary_dim rope_dim"},
	{RefusedUnless(Off, "turns other pairs of a head"), "rope_interleave rope_interleaved rotary_interleaved mrope_section use_mrope"},
	{RefusedUnless(allRotary, "leaves layers without a rotary embedding"), "no_rope_layers nope_layers"},
	{RefusedUnless(Off, "leaves layers without a rotary embedding"), "no_rope_layer_interval nope_layer_interval"},
	{RefusedUnless(Word("rope", "rotary"), "is another kind of positions"), "position_embedding_type"},
	{RefusedUnless(Word("rms", "rmsnorm", "rms_norm", "RMSNorm"), "is another kind of norms"), "norm_type normalization_type layer_norm_type"},
	{RefusedUnless(Off, "is one of several models in the folder"), "audio_config text_config vision_config draft_config eagle_config"},
	{RefusedUnless(Off, "is another kind of quantization"), "compression_config quantization"},
	{RefusedUnless(One, "is another number of bits than BitNet's"), "weight_bits"},
	{RefusedUnless(func(v any, _ *Config) bool { return isNumber(v, 8) }, "is another number of bits than BitNet's"), "input_bits"},
}

// inScales makes a test for keys that MiniCPM is computed with, and that must be neutral elsewhere.
func inScales(neutral func(v any, c *Config) bool) func(v any, c *Config) bool {
	return func(v any, c *Config) bool { return c.HasScales() || neutral(v, c) }
}

func rootOfLayers(c *Config) float64 { return math.Sqrt(float64(c.NumHiddenLayers)) }

// allRotary reports whether a list of marks has a rotary embedding in each layer.
func allRotary(v any, _ *Config) bool { return allIn(v, 1.0) }

// allIn reports whether a list of a JSON file holds these values alone.
func allIn(v any, values ...any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(x any) bool { return !slices.Contains(values, x) })
}

// quantizationKeys says what the keys of a quantization_config do.
var quantizationKeys = Keys{
	"quant_method":      RefusedUnless(ownMethod, "is another kind of quantization"),
	"linear_class":      {Effect: Computed},
	"quantization_mode": {Effect: Computed},
	"modules_to_not_convert": RefusedUnless(keepsNoProjection,
		"keeps projections in full precision beside ternary ones"),
	"llm_int8_skip_modules": RefusedUnless(keepsNoProjection, "keeps projections in full precision beside ternary ones"),
	"use_rms_norm":          RefusedUnless(Off, "puts norms without a place of their own before projections"),
	"rms_norm_eps":          {Effect: Harmless}, // of use_rms_norm
}

// maxModules bounds the entries of a list of modules times the layers that each is compared with,
// far above any model's, so that no file takes long to judge.
const maxModules = 1 << 19

// keepsNoProjection reports whether a list of modules has no projection of a block. One that
// is too long to judge may have.
func keepsNoProjection(v any, c *Config) bool {
	list, ok := v.([]any)
	if !ok {
		return Off(v, c)
	}
	if len(list)*min(c.NumHiddenLayers, maxLayers) > maxModules {
		return false
	}
	for _, module := range list {
		name, ok := module.(string)
		if !ok || namesProjection(name, c) {
			return false
		}
	}
	return true
}

// namesProjection reports whether an entry of a list of modules means a projection in any of the
// ways in which programs read one: as a part of a module's name, as a regular expression of any
// part of it, with re: before it, or with * for any text. An expression that Go has no form of,
// such as one that looks ahead, may mean any.
func namesProjection(entry string, c *Config) bool {
	pattern := strings.TrimPrefix(entry, "re:")
	if _, err := regexp.Compile(pattern); err != nil && strings.Contains(pattern, "(?") {
		return true
	}
	for _, form := range []string{pattern, strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")} {
		expression, err := regexp.Compile(form)
		if err == nil && matchesProjection(expression, c) {
			return true
		}
	}
	return false
}

func matchesProjection(expression *regexp.Regexp, c *Config) bool {
	for l := range min(c.NumHiddenLayers, maxLayers) {
		for _, p := range []string{QProj, KProj, VProj, OProj, GateProj, UpProj, DownProj} {
			if expression.MatchString(strings.TrimSuffix(LayerTensor(l, p), ".weight")) {
				return true
			}
		}
	}
	return false
}

// checkKeys judges all keys of the file.
func (c *HFConfig) checkKeys(keys map[string]any) error {
	if _, stated := keys["use_sliding_window"]; stated && c.ModelType != "mistral" || c.ModelType == qwen3 {
		// the window is off unless that key, which has to be false, switches it on
		keys = maps.Clone(keys)
		delete(keys, "sliding_window")
	}
	unknown, errs := hfKeys.Check(maps.All(keys), &c.Config)
	inner, _ := keys["quantization_config"].(map[string]any)
	more, refused := quantizationKeys.Check(maps.All(inner), &c.Config)
	for _, key := range more {
		unknown = append(unknown, "quantization_config."+key)
	}
	for _, err := range refused {
		errs = append(errs, fmt.Errorf("quantization_config.%w", err))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	c.warnings = UnknownKeys("config.json", unknown)
	return JoinFirst(errs)
}
