package model

import (
	"fmt"
	"strings"
)

// Naming finds what a Hugging Face folder calls the tensor of a weight.
type Naming func(TensorSpec) string

// NamingOf chooses by what tensors there are: the usual names, those of
// 1bitLLM/bitnet_b1_58, whose sub-norms are called otherwise, or those of a model that was
// saved without its head, as microsoft/bitnet-embedding-0.6b is, which lack "model.".
func NamingOf(has func(name string) bool) Naming {
	if has("model.layers.0.self_attn.inner_attn_ln.weight") {
		renamed := strings.NewReplacer("self_attn.attn_sub_norm", "self_attn.inner_attn_ln", "mlp.ffn_sub_norm", "mlp.ffn_layernorm")
		return func(spec TensorSpec) string { return renamed.Replace(spec.Name) }
	}
	if !has(EmbedTokens) && has(headless(EmbedTokens)) {
		return func(spec TensorSpec) string { return headless(spec.Name) }
	}
	return func(spec TensorSpec) string { return spec.Name }
}

// headless is the name of a tensor in a folder that was saved without the head.
func headless(name string) string { return strings.TrimPrefix(name, "model.") }

// Storage is how a Hugging Face folder stores its BitLinear weights.
type Storage int

// Masters are latent weights of any float type, as training leaves them: ours,
// microsoft/bitnet-b1.58-2B-4T-bf16, 1bitLLM. The packed ones are 2-bit codes q with a
// weight_scale s each, and no masters.
const (
	Masters        Storage = iota
	PackedMultiply         // W = q * s: microsoft/bitnet-b1.58-2B-4T
	PackedDivide           // W = q / s: HF1BitLLM, Falcon3-1.58bit, Falcon-E
)

// Storage reads the quantization_config.
func (c *HFConfig) Storage() (Storage, error) {
	q := c.QuantizationConfig
	switch {
	case !c.Ternary || q == nil || q.QuantizationMode == "online":
		return Masters, nil
	case q.LinearClass == "autobitlinear" && q.QuantizationMode == "offline":
		return PackedMultiply, nil
	case q.LinearClass == "" || q.LinearClass == "bitlinear":
		return PackedDivide, nil
	}
	return 0, fmt.Errorf("config.json: quantization_config has linear_class %q and quantization_mode %q: want autobitlinear with online or offline, or bitlinear", q.LinearClass, q.QuantizationMode)
}
