package ggufmeta

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"trit/format/gguf"
	"trit/model"
	"trit/setting"
)

// keyRow is some keys of GGUF's metadata that do the same; names are separated by space, and
// those of an architecture stand without its name.
type keyRow struct {
	key   model.Key
	names string
}

var (
	computed = model.Key{Effect: model.Computed}
	harmless = model.Key{Effect: model.Harmless}
	rotary   = model.Key{Effect: model.OfRotary}
	refused  = model.RefusedUnless
)

// fileKeys says what the keys outside of an architecture do.
var fileKeys = []keyRow{
	{computed, "general.architecture general.alignment"},
	{refused(model.Word("model"), "is not a model's"), "general.type"},
	{refused(atMostOne, "is one of several files that are one model together"), "split.count"},
	{harmless, "split.no split.tensors.count tensor_data_layout"},
	{rotary, rotaryKey},

	{computed, `tokenizer.ggml.model tokenizer.ggml.pre tokenizer.ggml.tokens tokenizer.ggml.token_type tokenizer.ggml.scores
		tokenizer.ggml.merges tokenizer.chat_templates`},
	{refused(isText, "is no text"), TemplateKey + " " + wholeKey},
	{refused(isBool, "is neither true nor false"), "tokenizer.ggml.add_bos_token tokenizer.ggml.add_eos_token tokenizer.ggml.add_space_prefix"},
	{refused(isCount, "is no token"), `tokenizer.ggml.bos_token_id tokenizer.ggml.eos_token_id tokenizer.ggml.unknown_token_id
		tokenizer.ggml.padding_token_id tokenizer.ggml.eot_token_id tokenizer.ggml.eom_token_id`},
	{harmless, `tokenizer.ggml.token_type_count tokenizer.ggml.seperator_token_id tokenizer.ggml.cls_token_id tokenizer.ggml.mask_token_id
		tokenizer.ggml.fim_pre_token_id tokenizer.ggml.fim_suf_token_id tokenizer.ggml.fim_mid_token_id tokenizer.ggml.fim_pad_token_id
		tokenizer.ggml.fim_rep_token_id tokenizer.ggml.fim_sep_token_id tokenizer.ggml.prefix_token_id tokenizer.ggml.suffix_token_id
		tokenizer.ggml.middle_token_id tokenizer.ggml.added_tokens`},
	{refused(model.Off, "changes texts before they are encoded"), `tokenizer.ggml.remove_extra_whitespaces tokenizer.ggml.precompiled_charsmap
		tokenizer.ggml.normalizer.lowercase tokenizer.ggml.treat_whitespace_as_suffix tokenizer.ggml.byte_fallback_off`},
	{refused(model.Off, "puts another token behind a text"), "tokenizer.ggml.add_sep_token"},
	{refused(model.On, "changes texts before they are encoded"), "tokenizer.ggml.escape_whitespaces"},
}

// harmlessPrefixes begin keys about where a model is from.
var harmlessPrefixes = []string{"general.", "quantize.imatrix."}

// architectureKeys says what the keys of an architecture do.
var architectureKeys = []keyRow{
	{computed, `attention.head_count attention.head_count_kv attention.key_length attention.layer_norm_rms_epsilon attention.value_length
		block_count context_length embedding_length feed_forward_length final_logit_softcapping vocab_size`},
	{refused(isCount, "is no number of a pooling"), "pooling_type"},
	{rotary, `rope.dimension_count rope.freq_base rope.scale_linear rope.scaling.attn_factor rope.scaling.factor rope.scaling.finetuned
		rope.scaling.original_context_length rope.scaling.type rope.scaling.yarn_attn_factor rope.scaling.yarn_beta_fast
		rope.scaling.yarn_beta_slow rope.scaling.yarn_ext_factor rope.scaling.yarn_log_multiplier`},
	{refused(model.Off, "turns other parts of a head"), "rope.dimension_sections rope.freq_base_swa rope.dimension_count_swa"},
	{refused(model.OffOr(model.One), "scales the rotary embedding in another way"), "rope.scaling.alpha"},
	{refused(equalEpsilon, "is another epsilon than attention.layer_norm_rms_epsilon"), "attention.layer_norm_epsilon attention.group_norm_epsilon"},
	{refused(model.WideWindow, "hides earlier tokens from attention"), "attention.sliding_window attention.chunk_size"},
	{refused(model.Off, "hides earlier tokens from attention"), "attention.sliding_window_pattern attention.shared_kv_layers attention.sliding_window_period"},
	{refused(model.On, "lets attention see later tokens"), "attention.causal"},
	{refused(model.OffOr(model.Equals(model.ScoreScale)), "scales the scores of attention"), "attention.scale"},
	{refused(model.Off, "scales the scores of attention"), "attention.temperature_length attention.temperature_scale attention.max_alibi_bias"},
	{refused(model.Off, "caps logits or the scores of attention"), "attention.clamp_kqv attn_logit_softcapping router_logit_softcapping"},
	{refused(inScales, "scales the embedding"), "embedding_scale"},
	{refused(inScales, "scales the outputs of blocks"), "residual_scale"},
	{refused(inScales, "scales the logits"), "logit_scale"},
	{refused(model.OffOr(model.One), "scales the outputs of blocks"), "attention.output_scale"},
	{refused(model.Off, "makes feed-forward layers mixtures of experts"), `expert_count expert_used_count expert_feed_forward_length
		expert_gating_func expert_group_count expert_group_used_count expert_shared_count expert_shared_feed_forward_length
		expert_weights_norm expert_weights_scale interleave_moe_layer_step leading_dense_block_count moe_every_n_layers`},
	{refused(model.Off, "makes attention of low rank or of another kind"), `attention.kv_lora_rank attention.q_lora_rank attention.key_length_mla
		attention.value_length_mla attention.indexer.head_count full_attention_interval ssm.conv_kernel ssm.inner_size ssm.state_size
		ssm.time_step_rank ssm.group_count ssm.dt_b_c_rms wkv.head_size attention.recurrent_layers attention.relative_buckets_count`},
	{refused(model.Off, "changes where norms and blocks stand"), `use_parallel_residual swin_norm nextn_predict_layers altup.num_inputs
		embedding_length_per_layer_input activation_sparsity_scale n_deepstack_layers attention.key_length_swa attention.value_length_swa`},
	{refused(widthOf, "gives embeddings another size than the model"), "embedding_length_out"},
}

// keysOf is the table for files of an architecture.
func keysOf(architecture string) model.Keys {
	keys := model.Keys{}
	enter := func(rows []keyRow, prefix string) {
		for _, r := range rows {
			for _, name := range strings.Fields(r.names) {
				keys[prefix+name] = r.key
			}
		}
	}
	enter(fileKeys, "")
	enter(architectureKeys, architecture+".")
	if architecture == Qwen35 {
		enter(hybridKeys, architecture+".")
	}
	return keys
}

// checkKeys judges all keys of a file, but for those of a rotated basis, which readBasis judges.
func checkKeys(m *gguf.Metadata, architecture string, c *model.Config) ([]setting.Note, error) {
	keys := keysOf(architecture)
	unknown, errs := keys.Check(func(yield func(string, any) bool) {
		for _, name := range m.Keys {
			if strings.HasPrefix(name, TemplateKey+".") {
				keys[name] = keys[TemplateKey]
			}
			_, known := keys[name]
			isHarmless := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
			if strings.HasPrefix(name, basisPrefix) || !known && slices.ContainsFunc(harmlessPrefixes, isHarmless) {
				continue
			}
			v, _ := m.Get(name)
			if !yield(name, v) {
				return
			}
		}
	}, c)
	return model.UnknownKeys("the metadata", unknown), model.JoinFirst(errs)
}

// inScales reports whether a scale is one that MiniCPM is computed with, or changes nothing.
func inScales(v any, c *model.Config) bool { return c.HasScales() || model.OffOr(model.One)(v, c) }

func isBool(v any, _ *model.Config) bool { return reflect.ValueOf(v).Kind() == reflect.Bool }

func isText(v any, _ *model.Config) bool { return reflect.ValueOf(v).Kind() == reflect.String }

func isCount(v any, _ *model.Config) bool {
	rv := reflect.ValueOf(v)
	return rv.CanUint() || rv.CanInt() && rv.Int() >= 0
}

func atMostOne(v any, c *model.Config) bool { return model.OffOr(model.One)(v, c) }

func equalEpsilon(v any, c *model.Config) bool {
	return model.Equals(func(c *model.Config) float64 { return c.RMSNormEps })(v, c)
}

func widthOf(v any, c *model.Config) bool {
	return model.Equals(func(c *model.Config) float64 { return float64(c.HiddenSize) })(v, c)
}

// checkSizes refuses sizes that the metadata says twice, and otherwise than the tensors.
func checkSizes(m *gguf.Metadata, architecture string, c *model.Config) error {
	if v, ok := m.Get(architecture + ".vocab_size"); ok {
		if n, isSize := m.Uint(architecture + ".vocab_size"); !isSize || n != uint64(c.VocabSize) {
			return fmt.Errorf("the key %s.vocab_size is %v, but token_embd.weight has %d rows: convert the model again",
				architecture, v, c.VocabSize)
		}
	}
	if tokens, _ := m.Strings(prefix + "tokens"); len(tokens) > c.VocabSize {
		return fmt.Errorf("the tokenizer has %d tokens, but the model has vocab_size %d: they belong to different models",
			len(tokens), c.VocabSize)
	}
	return nil
}
