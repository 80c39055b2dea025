package configs

import (
	"maps"
	"slices"

	"trit/model"
)

// shapes are those of published models whose weights have a scale a group, to measure speed.
var shapes = map[string]model.Config{
	"bonsai-1.7b": qwen3(2048, 6144, 28, 16, true),
	"bonsai-4b":   qwen3(2560, 9728, 36, 32, true),
	"bonsai-8b":   qwen3(4096, 12288, 36, 32, false),
}

// qwen3 is a shape of Qwen3, which Bonsai's models have.
func qwen3(hidden, intermediate, layers, heads int, tied bool) model.Config {
	return model.Config{
		VocabSize: 151936, HiddenSize: hidden, IntermediateSize: intermediate, NumHiddenLayers: layers,
		NumAttentionHeads: heads, NumKeyValueHeads: 8, HeadDim: 128, MaxPositionEmbeddings: 32768,
		RMSNormEps: 1e-6, RopeTheta: 1e6, HiddenAct: model.SiLU, TieWordEmbeddings: tied, QKNorm: true,
	}
}

// Shapes are the names that Shape knows, sorted.
func Shapes() []string { return slices.Sorted(maps.Keys(shapes)) }

// Shape finds the shape of a published model by its name.
func Shape(name string) (model.Config, bool) {
	c, ok := shapes[name]
	return c, ok
}
