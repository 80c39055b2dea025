// Package convert turns model folders of Hugging Face's layout into GGUF files, and
// shows what is in model files.
package convert

import (
	"fmt"
	"strings"

	"trit/format/safetensors"
	"trit/model"
)

// family is a way to store a model in a Hugging Face folder.
type family interface {
	// name finds the tensor that a folder of this family stores for a weight.
	name(spec model.TensorSpec) string
	// ternary reads a BitLinear weight as values of -1, 0, +1 and their scale.
	ternary(f *safetensors.File, spec model.TensorSpec, q []int8) (scale float32, err error)
}

// familyOf chooses by the configuration and by what tensors there are.
func familyOf(c *model.HFConfig, f *safetensors.File) (family, error) {
	names := plainNames
	if _, ok := f.Tensor("model.layers.0.self_attn.inner_attn_ln.weight"); ok {
		names = names1bitLLM
	}
	q := c.QuantizationConfig
	switch {
	case !c.Ternary:
		return masters{names}, nil
	case q == nil || q.QuantizationMode == "online":
		return masters{names}, nil
	case q.LinearClass == "autobitlinear" && q.QuantizationMode == "offline":
		return packed{names, multiply}, nil
	case q.LinearClass == "" || q.LinearClass == "bitlinear":
		return packed{names, divide}, nil
	}
	return nil, fmt.Errorf("config.json: quantization_config has linear_class %q and quantization_mode %q: want autobitlinear with online or offline, or bitlinear", q.LinearClass, q.QuantizationMode)
}

func plainNames(spec model.TensorSpec) string { return spec.Name }

// names1bitLLM are those of 1bitLLM/bitnet_b1_58: the sub-norms are called otherwise.
func names1bitLLM(spec model.TensorSpec) string {
	return strings.NewReplacer("self_attn.attn_sub_norm", "self_attn.inner_attn_ln", "mlp.ffn_sub_norm", "mlp.ffn_layernorm").Replace(spec.Name)
}
