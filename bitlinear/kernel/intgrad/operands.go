package intgrad

import (
	"fmt"
	"math"

	"trit/bitlinear/kernel/intmul"
	"trit/internal/parallel"
)

// cacheBytes is what a second-level cache holds, about: a result that is larger is written past the caches, which
// takes a sixth of the time, and read from memory in order.
const cacheBytes = 2 << 20

// MulCodes makes dx [M,K] the gradient of the input, by the codes of the weights, each [N,K] in 2 bits.
func (g *Gradient) MulCodes(pool *parallel.Pool, codes []*intmul.Ternary, dx []float32) {
	m, k := len(g.units), codes[0].K
	if len(codes) != len(g.layer.Rows) || len(dx) != m*k {
		panic(fmt.Sprintf("intgrad: %d weights of %d, and %d values of a result [%d,%d]", len(codes), len(g.layer.Rows),
			len(dx), m, k))
	}
	out := output{parts: [][]float32{dx}, width: k, units: g.units, late: 4*m*k > cacheBytes}
	p := product{m: m, n: k, steps: g.left.steps, tiles: chosen.codes, out: out}
	p.left = func(_ *work, row, _ int) (*panels, int) { return &g.left, row }
	p.right = func(r *right, lo, hi int) { g.packCodes(r, codes, lo, hi) }
	p.run(pool)
}

// packCodes packs steps of the weights' rows. What fills up the last step of a weight are zeros: tiles want codes, even
// where the left operand is zero.
func (g *Gradient) packCodes(r *right, codes []*intmul.Ternary, lo, hi int) {
	for i, w := range codes {
		first := g.firsts[i]
		for s := max(lo, first); s < min(hi, first+ceil(w.N, stepCols)); s++ {
			for row := (s - first) * stepCols; row < (s-first+1)*stepCols; row += blockCols {
				to := r.data[s*blockStep+row%stepCols/quad*lineBytes:]
				if row < w.N {
					w.Int8Quads(to, r.size(), row, r.first, ceil(r.width, blockCols))
				} else {
					r.clear(to)
				}
			}
		}
	}
}

// columns are the scales of the columns of a gradient, when it is rounded for the gradients of the weights.
type columns struct{ factors, units []float32 }

// set makes scales of the largest values of the columns.
func (c *columns) set(largest []uint32) {
	n := ceil(len(largest), blockCols) * blockCols
	c.factors, c.units = resize(c.factors, n), resize(c.units, n)
	for i, v := range largest {
		c.factors[i], c.units[i] = scales(math.Float32frombits(v))
	}
	clear(c.factors[len(largest):])
}

// MulActivations makes dw, in parts together [N,K], the gradients of the weights, or adds to them: by the activations x
// [M,K]. dy is what the rows were set to, one after the other.
func (g *Gradient) MulActivations(pool *parallel.Pool, dy []float32, x []int8, dw [][]float32, accumulate bool) {
	m := len(g.units)
	k, size := len(x)/m, 0
	for _, part := range dw {
		size += len(part)
	}
	if len(dy) < m*g.n || len(x) != m*k || size != g.n*k {
		panic(fmt.Sprintf("intgrad: %d values of a gradient [%d,%d], %d activations of [%d,%d], and %d values of a result "+
			"[%d,%d]", len(dy), m, g.n, len(x), m, k, size, g.n, k))
	}
	g.columns.set(g.maxima.largest())
	p := product{m: g.n, n: k, steps: ceil(m, stepCols), tiles: chosen.activations,
		out: output{dw, k, g.columns.units, accumulate, true}}
	p.left = func(w *work, row, rows int) (*panels, int) {
		g.packColumns(&w.panels, dy, row, rows)
		return &w.panels, 0
	}
	p.right = func(r *right, lo, hi int) { packActivations(r, x, m, k, lo, hi) }
	p.run(pool)
}

// packColumns packs columns of dy from first on as rows of panels.
func (g *Gradient) packColumns(p *panels, dy []float32, first, count int) {
	m := len(g.units)
	p.reset(count, ceil(m, stepCols))
	for s := range p.steps {
		for j := 0; j < count; j += blockCols {
			from, ld := dy[s*stepCols*g.n+first+j:], g.n
			if (s+1)*stepCols > m || first+j+blockCols > g.n {
				from, ld = corner(from, ld, m-s*stepCols, g.n-first-j, blockCols), blockCols
			}
			number := uint32(((first+j)/blockCols*p.steps + s) * randoms)
			chosen.columns(&p.data[p.at(j, s)], &from[0], ld, &g.inverse[s*stepCols], &g.columns.factors[first+j], number,
				^g.key, chosen.activations.bias)
		}
	}
}

// packActivations packs steps of x [m,k].
func packActivations(r *right, x []int8, m, k, lo, hi int) {
	for s := lo; s < hi; s++ {
		for j := 0; j < r.width; j += stepCols {
			col, row := r.first+j, s*stepCols
			from, ld := x[row*k+col:], k
			if row+stepCols > m || col+stepCols > k {
				from, ld = corner(from, ld, m-row, k-col, stepCols), stepCols
			}
			chosen.quads(stepCols/quad, r.block(j/blockCols, s), r.size(), &from[0], ld)
		}
	}
}

// corner is a copy of 64 rows of some columns, zeros beyond the last row and column of a matrix.
func corner[T any](x []T, ld, rows, cols, width int) []T {
	c := make([]T, stepCols*width)
	for i := range min(rows, stepCols) {
		copy(c[i*width:][:min(cols, width)], x[i*ld:])
	}
	return c
}
