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

	"bonsai-2-2b": qwen35(2048, 6144, 24, 8, 16, true),
	"bonsai-2-4b": qwen35(2560, 9216, 32, 16, 32, true),
	"bonsai-2-9b": qwen35(4096, 12288, 32, 16, 32, false),
}

// qwen3 is a shape of Qwen3, which Bonsai's models have.
func qwen3(hidden, intermediate, layers, heads int, tied bool) model.Config {
	return model.Config{
		VocabSize: 151936, HiddenSize: hidden, IntermediateSize: intermediate, NumHiddenLayers: layers,
		NumAttentionHeads: heads, NumKeyValueHeads: 8, HeadDim: 128, MaxPositionEmbeddings: 32768,
		RMSNormEps: 1e-6, RopeTheta: 1e6, HiddenAct: model.SiLU, TieWordEmbeddings: tied, QKNorm: true,
	}
}

// qwen35 is a shape of Qwen3.5, the hybrid that Bonsai 2 has.
func qwen35(hidden, intermediate, layers, heads, valueHeads int, tied bool) model.Config {
	return model.Config{
		VocabSize: 248320, HiddenSize: hidden, IntermediateSize: intermediate, NumHiddenLayers: layers,
		NumAttentionHeads: heads, NumKeyValueHeads: heads / 4, HeadDim: 256, MaxPositionEmbeddings: 262144,
		RMSNormEps: 1e-6, RopeTheta: 1e7, PartialRotaryFactor: 0.25, HiddenAct: model.SiLU, TieWordEmbeddings: tied,
		QKNorm:   true,
		DeltaNet: model.DeltaNet{KeyHeads: 16, ValueHeads: valueHeads, HeadDim: 128, Kernel: 4, Interval: 4},
	}
}

// Shapes are the names that Shape knows, sorted.
func Shapes() []string { return slices.Sorted(maps.Keys(shapes)) }

// Shape finds the shape of a published model by its name.
func Shape(name string) (model.Config, bool) {
	c, ok := shapes[name]
	return c, ok
}
