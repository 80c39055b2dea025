package model

import "strings"

// oneBitLLM is 1bitLLM/bitnet_b1_58-large, -xl and -3B: masters whose sub-norms have other
// names.
var oneBitLLM = Family{
	Title: "1bitLLM bitnet_b1_58",
	Fits: func(_ *HFConfig, has func(string) bool) bool {
		return has("model.layers.0.self_attn.inner_attn_ln.weight")
	},
	Rename: strings.NewReplacer(
		"self_attn.attn_sub_norm", "self_attn.inner_attn_ln", "mlp.ffn_sub_norm", "mlp.ffn_layernorm",
	).Replace,
}
