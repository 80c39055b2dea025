package source

import (
	"fmt"
	"slices"

	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// TurnedSuffix ends the type of a weight that was turned into or out of a rotated basis, or made another function of
// the same numbers: its values are those of the type in the files, and then rounded to float32 once more.
const TurnedSuffix = ", turned"

// turned is the store of a model whose weights are turned from one basis into another.
type turned struct {
	store
	from, to *model.Config // with the bases
}

// Rotated returns the model with all of its matrices in a rotated basis of this block (model.NewBasis).
// Both models read the same files; closing one of them closes the other.
func (m *Model) Rotated(block int) (*Model, error) {
	if m.Config.Ternary {
		return nil, fmt.Errorf("%s has ternary weights with one scale, which are none in a rotated basis: rotate the "+
			"model in full precision that they are made of", m.Path)
	}
	to, err := model.NewBasis(&m.Config.Config, block)
	if err != nil {
		return nil, err
	}
	out := m.inBasis(to)
	out.note("all matrices are in a rotated basis of blocks of %d", block)
	return out, nil
}

// Unrotated returns the model with its weights turned back into the basis of its activations, or the
// model itself if they are in no other. Both models read the same files.
func (m *Model) Unrotated() *Model {
	if m.Config.Basis == nil {
		return m
	}
	return m.inBasis(nil)
}

func (m *Model) inBasis(to *model.Basis) *Model {
	config, out := *m.Config, *m
	config.Basis = to
	out.Config, out.store = &config, &turned{m.store, &m.Config.Config, &config.Config}
	out.Notes = slices.Clip(m.Notes)
	return &out
}

func (s *turned) open(spec model.TensorSpec) (*Tensor, error) {
	t, err := s.store.open(spec)
	if err != nil || !s.from.Basis.Has(spec.GGUF) && !s.to.Basis.Has(spec.GGUF) {
		return t, err
	}
	from, to := basisOf(s.from, spec.GGUF, t.Columns), basisOf(s.to, spec.GGUF, t.Columns)
	out := t.coded(0)
	out.DType += TurnedSuffix
	out.floats = func(dst []float32, row int) error {
		if err := t.Values(dst, make([]byte, t.Columns), row); err != nil {
			return err
		}
		from.OutOf(dst)
		to.Into(dst)
		return nil
	}
	return out, nil
}

// basisOf is the basis of the rows of a weight, nil if it is in none.
func basisOf(c *model.Config, name string, columns int) *vector.Basis {
	b := c.Basis
	if !b.Has(name) {
		return nil
	}
	return &vector.Basis{Signs: b.Signs[columns], Block: b.Block, Swapped: c.Regrouped(name)}
}
