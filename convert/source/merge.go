package source

import (
	"maps"

	"trit/format/adapter"
	"trit/format/gguf"
	"trit/model"
	"trit/tokenizer"
)

// Target is what an adapter of the model is read for.
func (m *Model) Target() adapter.Target {
	t := adapter.Target{Config: &m.Config.Config}
	if g, ok := m.store.(*ggufFile); ok {
		t.Architecture = g.architecture
	}
	return t
}

// merged is the store of a model with an adapter in its weights.
type merged struct {
	store
	adapter *adapter.Adapter
	floats  floats // quantises the sums
}

// Merged returns the model with an adapter in its weights. Weights in full precision become the sum.
// Ternary weights are quantised anew: for an adapter inside the quantiser of the sum with their
// master weights, which is what it was trained as; for one beside the layers of the sum with the
// ternary weights, which loses most of what is small. Both models read the same files; closing one of
// them closes the other.
func (m *Model) Merged(a *adapter.Adapter) (*Model, error) {
	if err := a.Check(&m.Config.Config); err != nil {
		return nil, err
	}
	out := *m
	out.Trained = nil
	out.store = &merged{m.store, a, floats{weights: WeightsMasters, rule: rule{m.Config.Sign, m.Config.HalfScales}}}
	return &out, nil
}

// vocab implements store.
func (s *merged) vocab() (tokenizer.Vocab, error) {
	v, err := s.store.vocab()
	return s.adapter.Vocab(v), err
}

// files implements store.
func (s *merged) files() (map[string][]byte, error) {
	files, err := s.store.files()
	if err != nil || s.adapter.ChatTemplate == "" {
		return files, err
	}
	v, err := s.store.vocab()
	if err != nil || v.ChatTemplate == s.adapter.ChatTemplate {
		return files, err
	}
	files = maps.Clone(files)
	tokenizer.SetChatTemplate(files, s.adapter.ChatTemplate)
	return files, nil
}

func (s *merged) open(spec model.TensorSpec) (*Tensor, error) {
	t, err := s.store.open(spec)
	p, adapted := s.adapter.Pairs[spec.Name]
	if err != nil || !adapted {
		return t, err
	}
	base := t
	switch {
	case !t.IsTernary():
	case s.adapter.Placement == adapter.Inside:
		if base, err = t.Masters(gguf.F32); err != nil {
			return nil, err
		}
	default:
		base = t.dequantised()
	}
	sum := base.plus(p, s.adapter.Scale(p.Rank))
	if !t.IsTernary() {
		return sum, nil
	}
	return s.floats.ternary(spec.Name, sum)
}

// dequantised is a ternary weight as numbers.
func (t *Tensor) dequantised() *Tensor {
	out := t.coded(0)
	out.floats = func(dst []float32, row int) error { return t.Values(dst, make([]byte, t.Columns), row) }
	return out
}

// plus is the sum of a weight of numbers and the product of an adapter's matrices.
func (t *Tensor) plus(p adapter.Pair, scale float64) *Tensor {
	out := t.changed()
	out.DType = gguf.F32.String()
	out.floats = func(dst []float32, row int) error {
		if err := t.floats(dst, row); err != nil {
			return err
		}
		p.AddRow(dst, row, scale)
		return nil
	}
	return out
}
