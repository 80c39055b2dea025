package convert

import (
	"trit/bitlinear/quant"
	"trit/format/safetensors"
	"trit/model"
)

// masters are folders of latent weights of any float type, as training leaves them:
// ours, microsoft/bitnet-b1.58-2B-4T-bf16, 1bitLLM. Ternary values are their absmean
// quantisation, or with sign the signs of b1.
type masters struct {
	names model.Naming
	sign  bool
}

func (m masters) name(spec model.TensorSpec) string { return m.names(spec) }

func (m masters) ternary(f *safetensors.File, spec model.TensorSpec, q []int8) (float32, error) {
	w, err := f.Float32(m.name(spec))
	if err != nil {
		return 0, err
	}
	if m.sign {
		return quant.Signs(q, w), nil
	}
	return quant.Weights(q, w), nil
}
