// Package convert turns model folders of Hugging Face's layout into GGUF files, and
// shows what is in model files.
package convert

import (
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
	names := model.NamingOf(func(name string) bool { _, ok := f.Tensor(name); return ok })
	storage, err := c.Storage()
	switch storage {
	case model.PackedMultiply:
		return packed{names, multiply}, err
	case model.PackedDivide:
		return packed{names, divide}, err
	}
	return masters{names, c.Sign}, err
}
