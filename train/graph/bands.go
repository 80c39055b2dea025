package graph

import (
	"slices"

	"trit/bitlinear"
	"trit/internal/parallel"
)

// band is a range of rows [lo,hi) that pass through layers together, on the threads of a pool.
type band struct {
	*workspace
	lo, hi int
	pool   *parallel.Pool
	whole  bool      // it is all rows
	out    []float32 // [hi-lo,D], for what a layer adds to the residual stream
}

// bandRows is the number of rows of a band on one thread: what a layer leaves of them lies in the second-level cache
// when the next reads it, and they are enough that unpacking the weights once for each band hardly shows.
const bandRows = 64

// inBands calls body for bands that cover all rows, after prepare, which is to prepare the layers of body. If the
// layers compute row by row, and there are enough rows for all threads, a band has one thread, so that threads do not
// meet between layers. Else all rows are one band, which needs no prepare.
func (ws *workspace) inBands(prepare func(), body func(p *band)) {
	if !ws.mode.Rowwise() || ws.rows < bandRows*ws.pool.Threads() {
		body(&band{ws, 0, ws.rows, ws.pool, true, ws.wide})
		return
	}
	prepare()
	bands := (ws.rows + bandRows - 1) / bandRows
	ws.pool.Chunks(bands, 1, func(first, last int) {
		s := ws.scratches.Get().(*rowScratch)
		defer ws.scratches.Put(s)
		s.band = slices.Grow(s.band[:0], bandRows*ws.config.HiddenSize)
		for i := first; i < last; i++ {
			lo, hi := i*bandRows, min((i+1)*bandRows, ws.rows)
			body(&band{ws, lo, hi, parallel.OneThread, false, s.band[:(hi-lo)*ws.config.HiddenSize]})
		}
	})
}

// rows calls body for each row of the band, with scratch of its thread.
func (p *band) rows(body func(r int, s *rowScratch)) {
	p.pool.Chunks(p.hi-p.lo, 1+rowGrain/p.config.HiddenSize, func(lo, hi int) {
		s := p.scratches.Get().(*rowScratch)
		defer p.scratches.Put(s)
		for r := p.lo + lo; r < p.lo+hi; r++ {
			body(r, s)
		}
	})
}

// forward computes the band's rows y of a layer's output.
func (p *band) forward(l *bitlinear.Linear, in *bitlinear.Input, weights []bitlinear.Weight, y []float32) {
	if p.whole {
		l.Forward(in, weights, y)
		return
	}
	l.ForwardRows(in, p.lo, p.hi, y)
}

// of is the band's rows of a matrix of a width.
func (p *band) of(x []float32, width int) []float32 { return x[p.lo*width : p.hi*width] }
