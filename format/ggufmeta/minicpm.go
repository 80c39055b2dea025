package ggufmeta

import (
	"fmt"
	"math"

	"trit/format/gguf"
	"trit/model"
)

// Keys of MiniCPM's scales, behind the architecture's name: what rows of the embedding are multiplied
// by, outputs of blocks before they are added, and what logits are divided by.
const (
	embeddingScaleKey = ".embedding_scale"
	residualScaleKey  = ".residual_scale"
	logitScaleKey     = ".logit_scale"
)

func writeScales(m *gguf.Metadata, architecture string, c *model.Config) {
	if !c.HasScales() {
		return
	}
	m.Set(architecture+embeddingScaleKey, float32(c.EmbeddingScale()))
	m.Set(architecture+residualScaleKey, float32(c.ResidualScale()))
	m.Set(architecture+logitScaleKey, float32(c.LogitScale()))
}

// readScales reads the scales of a MiniCPM. Files of 2024 have no keys of them. llama.cpp takes 12,
// 1.4/sqrt(layers) and 256/hidden_size then, and divides by the last one where the models multiply by
// it, so such a file has no meaning that all readers share, and is refused.
func readScales(m *gguf.Metadata, architecture string, c *model.Config) error {
	if Base(architecture) != MiniCPM {
		return nil
	}
	var scales [3]float32
	for i, key := range []string{embeddingScaleKey, residualScaleKey, logitScaleKey} {
		v, ok := m.Float(architecture + key)
		scales[i] = float32(v)
		found, present := m.Get(architecture + key)
		switch {
		case !present:
			return fmt.Errorf("the key %s%s is missing, which results depend on: convert the model again from its folder, "+
				"whose config.json has scale_emb, scale_depth and dim_model_base", architecture, key)
		case !ok || !(scales[i] > 0) || math.IsInf(v, 0):
			return fmt.Errorf("the key %s%s is %v: want a positive number", architecture, key, found)
		}
	}
	c.SetScales(scales[0], scales[1], scales[2])
	return nil
}
