package packing

import (
	"slices"

	"trit/format/gguf"
	"trit/model"
)

// groupedFor returns the types that hold a model which is trained with a scale a group: those whose
// blocks lie in a group each, and of signs the one that has no zeros. A scale of a tensor is not in TQ1_0 and
// TQ2_0, where it would say that the model is a BitNet, whose activations are rounded.
func groupedFor(c *model.Config) []gguf.Type {
	group := c.WeightScale.Group()
	if c.Sign {
		return heldBy(group, gguf.Q1_0)
	}
	if group == 0 {
		return heldBy(group, gguf.Q2_0, gguf.PQ2_0, gguf.PTQ1_0)
	}
	return heldBy(group, gguf.TQ2_0, gguf.TQ1_0, gguf.Q2_0, gguf.PQ2_0, gguf.PTQ1_0)
}

// heldBy returns the types whose blocks lie in a group each; those of 0 and less have no end.
func heldBy(group int, types ...gguf.Type) []gguf.Type {
	return slices.DeleteFunc(types, func(t gguf.Type) bool { return group > 0 && group%t.Block() != 0 })
}

// Preferred returns the types of Fits, those that need padding last.
func Preferred(c *model.Config) (types []gguf.Type) {
	var padded []gguf.Type
	for _, f := range Fits(c) {
		if f.Padded {
			padded = append(padded, f.Type)
		} else {
			types = append(types, f.Type)
		}
	}
	return append(types, padded...)
}
