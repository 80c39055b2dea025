package convert

import (
	"math"

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

// padTo is a source with a feed-forward size of a multiple of unit, itself where it has one.
func padTo(s *Source, unit int) *Source {
	from := s.Config.IntermediateSize
	to := (from + unit - 1) / unit * unit
	if from == to {
		return s
	}
	p := &padded{store: s.store, specs: map[string]model.TensorSpec{}, from: from, to: to}
	for _, spec := range s.Config.Tensors() {
		p.specs[spec.Name] = spec
	}
	config, out := *s.Config, *s
	config.IntermediateSize = to
	out.Config, out.store = &config, p
	out.note("the feed-forward size %d was filled up to %d with units without weights", from, to)
	return &out
}

func (p *padded) open(spec model.TensorSpec) (*tensor, error) {
	t, err := p.store.open(p.specs[spec.Name])
	if err != nil {
		return nil, err
	}
	rows, k := shape(spec)
	switch {
	case k > t.k && rows == 1:
		t = t.scaled(float32(math.Sqrt(float64(p.from) / float64(p.to)))).wider(k)
	case k > t.k:
		t = t.wider(k)
	case rows > t.rows:
		t = t.longer(rows)
	}
	return t, nil
}

// zeroCode stands for a weight of 0.
const zeroCode = 1

// wider is a tensor with zeros behind each row.
func (t *tensor) wider(k int) *tensor {
	out := *t
	out.k, out.halves = k, nil
	if t.codes != nil {
		out.codes = func(dst []byte, row int) error {
			for i := t.k; i < k; i++ {
				dst[i] = zeroCode
			}
			return t.codes(dst[:t.k], row)
		}
	}
	if t.floats != nil {
		out.floats = func(dst []float32, row int) error {
			clear(dst[t.k:])
			return t.floats(dst[:t.k], row)
		}
	}
	return &out
}

// longer is a tensor with rows of zeros behind it.
func (t *tensor) longer(rows int) *tensor {
	out := *t
	out.rows, out.halves = rows, nil
	if t.codes != nil {
		out.codes = func(dst []byte, row int) error {
			if row < t.rows {
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
			if row < t.rows {
				return t.floats(dst, row)
			}
			clear(dst)
			return nil
		}
	}
	out.release = func(row, n int) {
		if end := min(row+n, t.rows); row < end {
			t.release(row, end-row)
		}
	}
	return &out
}

// scaled multiplies the values of a tensor that is not ternary.
func (t *tensor) scaled(by float32) *tensor {
	out := *t
	out.halves = nil
	out.floats = func(dst []float32, row int) error {
		err := t.floats(dst, row)
		for i := range dst {
			dst[i] *= by
		}
		return err
	}
	return &out
}
