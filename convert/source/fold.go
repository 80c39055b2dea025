package source

import (
	"errors"
	"slices"
	"strings"

	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/model"
)

// folded is the store of a model whose biases of the dead zone are tensors.
type folded struct {
	store
	weights map[string]model.TensorSpec // of the projections, by the name of their bias
	factor  float32
}

// Folded returns the model with its biases of the dead zone as tensors, as files hold them: they depend on
// the master weights alone (see bitlinear.Mode). A model that has no such biases or no place for them, or no
// weights to make them of, stays as it is. Both models read the same files; closing one of them closes the other.
func (m *Model) Folded() *Model {
	if !m.Config.Folds() || !m.HasMasters() {
		return m
	}
	f := &folded{m.store, map[string]model.TensorSpec{}, float32(m.Config.DeadzoneBias)}
	for _, spec := range m.Config.Tensors() {
		if spec.Ternary {
			f.weights[model.ProjBias(spec.Name)] = spec
		}
	}
	config, out := *m.Config, *m
	config.ProjBias, config.DeadzoneBias = true, 0
	out.Config, out.store = &config, f
	return &out
}

func (f *folded) name(spec model.TensorSpec) string {
	if weight, ok := f.weights[spec.Name]; ok {
		return strings.TrimSuffix(f.store.name(weight), "weight") + "bias"
	}
	return f.store.name(spec)
}

func (f *folded) open(spec model.TensorSpec) (*Tensor, error) {
	weight, ok := f.weights[spec.Name]
	if !ok {
		return f.store.open(spec)
	}
	t, err := f.store.open(weight)
	if err != nil {
		return nil, err
	}
	bias, err := t.deadzone(f.factor)
	if err != nil {
		return nil, err
	}
	out := &Tensor{DType: gguf.F32.String(), Rows: 1, Columns: len(bias), pool: t.pool, release: func(int, int) {}}
	out.floats = func(dst []float32, _ int) error { copy(dst, bias); return nil }
	return out, nil
}

// deadzone is factor times the sum of those weights of each row that are rounded to 0, with the bits of the
// training graph.
func (t *Tensor) deadzone(factor float32) ([]float32, error) {
	if t.masters == nil {
		return nil, errors.New("the bias of its dead zone is of master weights, which it has not")
	}
	bias, errs := make([]float32, t.Rows), make([]error, t.Rows)
	t.pool.For(t.Rows, 1+1<<14/t.Columns, func(lo, hi int) {
		w := make([]float32, t.Columns)
		for row := lo; row < hi; row++ {
			errs[row] = t.masters.floats(w, row)
			bias[row] = factor * vector.DeadSum(w, quant.ToNearest(1/t.Scale))
		}
	})
	t.release(0, t.Rows)
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	return bias, nil
}
