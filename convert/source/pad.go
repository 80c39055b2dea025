package source

import (
	"math"
	"slices"

	"trit/model"
)

// padded is a model whose feed-forward layers got more units, so that a type which packs rows
// of a fixed multiple can hold them: 1bitLLM's -xl and -3B have 5460 and 8640, and I2_S wants
// a multiple of 128. The new units have no weights, so nothing comes out of them. Where a
// norm stands before the down projection, it is a mean over more values then, and its weights
// make up for that; only epsilon counts for a little more, by the ratio of the sizes.
type padded struct {
	store
	specs    map[string]model.TensorSpec // those of the model as it is, by name
	from, to int
}

// Padded is the model with a feed-forward size of a multiple of unit: itself, where it has one.
// Both read the same files, which the model closes.
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
	out.note("the feed-forward size %d was filled up to %d with units without weights", from, to)
	return &out
}

func (p *padded) open(spec model.TensorSpec) (*Tensor, error) {
	t, err := p.store.open(p.specs[spec.Name])
	if err != nil {
		return nil, err
	}
	rows, columns := matrix(spec)
	switch {
	case columns > t.Columns && rows == 1:
		t = t.scaled(float32(math.Sqrt(float64(p.from) / float64(p.to)))).wider(columns)
	case columns > t.Columns:
		t = t.wider(columns)
	case rows > t.Rows:
		t = t.longer(rows)
	}
	return t, nil
}

// zeroCode stands for a weight of 0.
const zeroCode = 1

// changed is a copy of a tensor whose rows will be read in another way.
func (t *Tensor) changed() *Tensor {
	out := *t
	out.halves, out.masters = nil, nil
	return &out
}

// wider is a tensor with zeros behind each row.
func (t *Tensor) wider(columns int) *Tensor {
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

// longer is a tensor with rows of zeros behind it.
func (t *Tensor) longer(rows int) *Tensor {
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

// scaled multiplies the values of a tensor that is not ternary.
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
