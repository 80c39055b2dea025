package source

import (
	"math"
	"slices"

	"trit/model"
)

// padded is the store of a model whose feed-forward layers have more units than its files, so
// that a type can hold its rows: 1bitLLM's -xl and -3B have 5460 and 8640 units, and I2_S needs
// a multiple of 128. The weights of the new units are 0, and so is their output. A norm before
// the down projection takes the mean over more values then; its weights are scaled to make up
// for that, and only epsilon counts a little more, by the ratio of the sizes.
type padded struct {
	store
	specs    map[string]model.TensorSpec // of the model in the files, by name
	from, to int                         // feed-forward sizes: in the files, and padded
}

// Padded returns the model with its feed-forward size rounded up to a multiple of unit, or the
// model itself if the size is one. Both read the same files; closing one of them closes the
// other.
func (m *Model) Padded(unit int) *Model {
	from := m.Config.IntermediateSize
	to := (from + unit - 1) / unit * unit
	if from == to {
		return m
	}
	p := &padded{store: m.store, specs: map[string]model.TensorSpec{}, from: from, to: to}
	for _, spec := range m.Config.Tensors() {
		p.specs[spec.Name] = spec
	}
	config, out := *m.Config, *m
	config.IntermediateSize = to
	out.Config, out.store = &config, p
	out.Notes = slices.Clip(m.Notes)
	out.note("the feed-forward size %d was padded to %d with units whose weights are 0", from, to)
	return &out
}

func (p *padded) open(spec model.TensorSpec) (*Tensor, error) {
	t, err := p.store.open(p.specs[spec.Name])
	if err != nil {
		return nil, err
	}
	rows, columns := matrix(spec)
	switch {
	case columns > t.Columns && spec.Name == model.LayerTensor(spec.Layer, model.FFNSubNorm):
		t = t.scaled(float32(math.Sqrt(float64(p.from) / float64(p.to)))).withColumns(columns)
	case columns > t.Columns:
		t = t.withColumns(columns)
	case rows > t.Rows:
		t = t.withRows(rows)
	}
	return t, nil
}

// zeroCode is the code of a weight of 0.
const zeroCode = 1

// changed is a copy of a tensor whose rows the caller will make otherwise. It has no halves and
// no masters, which would be those of the unchanged rows.
func (t *Tensor) changed() *Tensor {
	out := *t
	out.halves, out.masters = nil, nil
	return &out
}

// withColumns is a tensor with zeros at the end of each row.
func (t *Tensor) withColumns(columns int) *Tensor {
	out := t.changed()
	out.Columns = columns
	if t.codes != nil {
		out.codes = func(dst []byte, row int) error {
			for i := t.Columns; i < columns; i++ {
				dst[i] = zeroCode
			}
			return t.codes(dst[:t.Columns], row)
		}
	}
	if t.floats != nil {
		out.floats = func(dst []float32, row int) error {
			clear(dst[t.Columns:])
			return t.floats(dst[:t.Columns], row)
		}
	}
	return out
}

// withRows is a tensor with rows of zeros at its end.
func (t *Tensor) withRows(rows int) *Tensor {
	out := t.changed()
	out.Rows = rows
	if t.codes != nil {
		out.codes = func(dst []byte, row int) error {
			if row < t.Rows {
				return t.codes(dst, row)
			}
			for i := range dst {
				dst[i] = zeroCode
			}
			return nil
		}
	}
	if t.floats != nil {
		out.floats = func(dst []float32, row int) error {
			if row < t.Rows {
				return t.floats(dst, row)
			}
			clear(dst)
			return nil
		}
	}
	out.release = func(row, n int) {
		if end := min(row+n, t.Rows); row < end {
			t.release(row, end-row)
		}
	}
	return out
}

// scaled is a tensor, not a ternary one, with its values multiplied by a factor.
func (t *Tensor) scaled(by float32) *Tensor {
	out := t.changed()
	out.floats = func(dst []float32, row int) error {
		err := t.floats(dst, row)
		for i := range dst {
			dst[i] *= by
		}
		return err
	}
	return out
}
