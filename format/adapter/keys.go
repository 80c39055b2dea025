package adapter

import (
	"slices"
	"strings"

	"trit/model"
	"trit/setting"
)

// refused is a key that is refused unless a value changes nothing.
var refused = model.RefusedUnless

// peftKeys says what each key of an adapter_config.json does.
var peftKeys = keyTable([]keyRow{
	{model.Key{Effect: model.Computed}, `peft_type r lora_alpha use_rslora lora_dropout target_modules exclude_modules rank_pattern
		alpha_pattern layers_to_transform base_model_name_or_path`},
	{model.Key{Effect: model.Harmless}, `auto_mapping revision inference_mode peft_version megatron_core qalora_group_size runtime_config
		eva_config corda_config lora_ga_config ensure_weight_tying merge_weights enable_lora`},
	{refused(model.Word("CAUSAL_LM", "FEATURE_EXTRACTION"), "is another task than the next token, with weights of its own"), "task_type"},
	{refused(model.Off, "trains biases, which these models have not"), "bias lora_bias"},
	{refused(model.Off, "rescales the columns of the sum (DoRA)"), "use_dora"},
	{refused(model.Off, "holds whole weights beside the matrices"), "modules_to_save trainable_token_indices"},
	{refused(model.Off, "adapts parameters that are no modules"), "target_parameters"},
	{refused(model.Off, "stores weights the other way round"), "fan_in_fan_out"},
	{refused(model.Off, "repeats layers of the model"), "layer_replication"},
	{refused(model.OffOr(layersPattern), "names layers in another way"), "layers_pattern"},
	{refused(keepsBase, "changes the weights of the base model when an adapter is loaded"), "init_lora_weights"},
	{refused(model.Off, "quantises the base model in a way of its own"), "loftq_config use_qalora"},
	{refused(model.Off, "chooses among several adapters by the input"), "arrow_config"},
	{refused(model.Off, "begins to adapt in the middle of a text"), "alora_invocation_tokens"},
	{refused(model.Off, "is for layers of Megatron"), "megatron_config"},
	{refused(model.Off, "splits the matrices into blocks"), "use_bdlora"},
	{refused(model.Off, "samples the matrices anew at each step"), "monteclora_config"},
})

// keyRow is some keys that do the same, separated by space.
type keyRow struct {
	key   model.Key
	names string
}

func keyTable(rows []keyRow) model.Keys {
	keys := model.Keys{}
	for _, r := range rows {
		for _, name := range strings.Fields(r.names) {
			keys[name] = r.key
		}
	}
	return keys
}

// checkKeys refuses keys that would change the results, and names those that are not known.
func checkKeys(raw map[string]any, c *model.Config) ([]setting.Note, error) {
	unknown, errs := peftKeys.Check(func(yield func(string, any) bool) {
		for name, v := range raw {
			if !yield(name, v) {
				return
			}
		}
	}, c)
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return model.UnknownKeys(ConfigFile, unknown), model.JoinFirst(errs)
}

// keepsBase reports whether an initialisation leaves the base model as it is.
func keepsBase(v any, _ *model.Config) bool {
	_, isBool := v.(bool)
	return isBool || slices.Contains([]any{"gaussian", "eva", "orthogonal"}, v)
}

// layersPattern reports whether a pattern names the layers as these models do.
func layersPattern(v any, _ *model.Config) bool {
	list, ok := v.([]any)
	return v == "layers" || ok && len(list) == 1 && list[0] == "layers"
}
