package infer

import (
	"errors"
	"fmt"
	"math"

	"trit/bitlinear/kernel/vector"
	"trit/format/adapter"
	"trit/internal/parallel"
	"trit/model"
	"trit/setting"
)

// ScaledAdapter is an adapter, and the factor by which its product counts; 1 is as it was trained.
type ScaledAdapter struct {
	*adapter.Adapter
	Scale float64
}

// Target is what an adapter of the model is read for.
func (m *Model) Target() adapter.Target {
	c := m.config
	return adapter.Target{Config: &c, Architecture: m.architecture}
}

// ErrInside is the error of an adapter that cannot stand beside the weights.
var ErrInside error = setting.Needs("merge.Merge",
	"the adapter stands inside the quantiser, where it changes which weight is -1, 0 or 1, and the weights that are run "+
		"are rounded already", "{merge.Merge} merges it into the model, which is exact")

// Adapted is the model with adapters beside its layers; their sum counts. It shares the weights, and
// sessions of the model with and without adapters go through the layers together. Close of either
// ends both.
func (m *Model) Adapted(list ...ScaledAdapter) (*Model, error) {
	if m.config.IsHybrid() {
		return nil, errors.New("adapters of models with recurrent layers are not supported: merge the adapter into the " +
			"model where it was trained, and convert the result")
	}
	sums := map[matrix]*lowRank{}
	for _, a := range list {
		switch {
		case a.Placement == adapter.Inside:
			return nil, ErrInside
		case math.IsNaN(a.Scale) || math.Abs(a.Scale) > math.MaxFloat32:
			return nil, fmt.Errorf("an adapter's scale is %g: want a number that float32 can hold", a.Scale)
		}
		if err := a.Check(&m.config); err != nil {
			return nil, err
		}
		m.addTo(sums, a)
	}
	out := *m
	out.adapters = &adapters{sums}
	return &out, nil
}

// addTo adds an adapter to the sums.
func (m *Model) addTo(sums map[matrix]*lowRank, a ScaledAdapter) {
	stored := a.Stored(m.Target())
	for l := range m.layers {
		for name, w := range m.layers[l].projections() {
			p, ok := stored.Pairs[model.LayerTensor(l, name)]
			if !ok {
				continue
			}
			if sums[w] == nil {
				sums[w] = &lowRank{in: p.In, out: p.Out}
			}
			sums[w].join(p, float32(a.Scale*a.Adapter.Scale(p.Rank)))
		}
	}
}

// shares reports whether two models are one, with or without adapters.
func (m *Model) shares(other *Model) bool { return m.embedding == other.embedding }

// adapters are what adapters add to the products with weights.
type adapters struct{ sums map[matrix]*lowRank }

// lowRank is the sum of the adapters of a weight: their A below each other, and their B beside each
// other, with the scales in B. B is stored by columns, along which y grows.
type lowRank struct {
	in, out int
	a       []float32 // [rank,in]
	b       []float32 // [rank,out]
}

func (w *lowRank) rank() int { return len(w.a) / w.in }

// join adds a pair of matrices with a scale.
func (w *lowRank) join(p adapter.Pair, scale float32) {
	w.a = append(w.a, p.A...)
	for r := range p.Rank {
		for i := range p.Out {
			w.b = append(w.b, scale*p.B[i*p.Rank+r])
		}
	}
}

// adaptedRows are consecutive rows of a pass with the same adapters.
type adaptedRows struct {
	*adapters
	lo, hi int
}

// planAdapters finds the rows with adapters, of the wanted rows or of all.
func (p *pass) planAdapters(wanted []int) {
	p.adapted = p.adapted[:0]
	row := 0
	enter := func(a *adapters, n int) {
		switch last := len(p.adapted) - 1; {
		case a == nil || n == 0:
		case last >= 0 && p.adapted[last].adapters == a && p.adapted[last].hi == row:
			p.adapted[last].hi += n
		default:
			p.adapted = append(p.adapted, adaptedRows{a, row, row + n})
		}
		row += n
	}
	for i, sp := range p.spans {
		n := len(sp.ids)
		if wanted != nil {
			for n = 0; n < len(wanted) && wanted[n] < p.first[i]+len(sp.ids); n++ {
			}
			wanted = wanted[n:]
		}
		enter(sp.s.m.adapters, n)
	}
}

// add adds B A x to the products y of the rows, whose x are floats.
func (r adaptedRows) add(pool *parallel.Pool, in *activations, list []output) {
	x, m := in.x[r.lo*in.k:r.hi*in.k], r.hi-r.lo
	for _, o := range list {
		if w := r.sums[o.w]; w != nil {
			w.add(pool, o.y[r.lo*w.out:r.hi*w.out], x, m)
		}
	}
}

// columnBlock is the number of values of y that one thread adds to at a time. A block of B stays in
// its cache for all rows.
const columnBlock = 512

// add adds B A x to y for m rows. A row has the same bits alone and among others.
func (w *lowRank) add(pool *parallel.Pool, y, x []float32, m int) {
	buffer := floats.Get().(*[]float32)
	defer floats.Put(buffer)
	rank := w.rank()
	*buffer = grow(*buffer, m*rank)
	t := *buffer
	pool.Chunks(rank, max(1, (1<<16)/(w.in*m)), func(lo, hi int) {
		vector.DotRows(t[lo:], rank, w.a[lo*w.in:hi*w.in], x, w.in)
	})
	blocks := (w.out + columnBlock - 1) / columnBlock
	pool.Chunks(blocks*m, max(1, (1<<16)/(columnBlock*rank)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row, from := i%m, i/m*columnBlock
			to := min(from+columnBlock, w.out)
			for r := range rank {
				vector.Axpy(t[row*rank+r], w.b[r*w.out+from:r*w.out+to], y[row*w.out+from:row*w.out+to])
			}
		}
	})
}
