package graph

import (
	"trit/bitlinear"
	"trit/model"
)

// modeOf is how the layers of a model compute.
func modeOf(c *model.Config, threads int) bitlinear.Mode {
	return bitlinear.Mode{Ternary: c.Ternary, Sign: c.Sign, Group: c.WeightScale.Group(), HalfScales: c.HasHalfScales(),
		FloatActivations: c.FloatActivations, Int4: c.Int4Activations, Deadzone: float32(c.DeadzoneBias),
		Threads: threads, Lambda: 1}
}

// roundedTable is the memory for an embedding or a head [V,D] that is rounded as the projections are,
// gradients passing straight through; nil if a model does not round it. In each pass the embedding
// fills it first, then the head, which has the same weights if it is tied.
type roundedTable []float32

func newRoundedTable(c *model.Config) roundedTable {
	if !c.TernaryEmbedding {
		return nil
	}
	return make([]float32, c.VocabSize*c.HiddenSize)
}

// embedding is what the embedding w is rounded to, w itself without a table.
func (t roundedTable) embedding(m *bitlinear.Mode, w []float32, vocab int) []float32 {
	if t == nil || m.Lambda <= 0 {
		return w
	}
	m.Mix(t, w, vocab, m.Scale(w))
	return t
}

// head is embedding for the head w, behind the embedding of the same pass.
func (t roundedTable) head(m *bitlinear.Mode, w []float32, vocab int, tied bool) []float32 {
	if t == nil || m.Lambda <= 0 || !tied {
		return t.embedding(m, w, vocab)
	}
	return t
}
