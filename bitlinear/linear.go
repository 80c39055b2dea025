package bitlinear

import (
	"trit/bitlinear/kernel"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Linear is a layer y = x W^T of one or several weights that read the same input, such
// as the query, key and value projections: x [M,K], weights [N_i,K], y [M, sum N_i].
//
// With Ternary it is BitLinear: activations are rounded to int8 per token, weights to
// -1, 0, +1 per tensor, and gradients pass both roundings as if they were not there
// (the straight-through estimator), so dX = dY Wq and dW = dY^T Xq with the
// dequantised values. The rounded integers are kept as float32, in which their
// products are exact below 2^24.
type Linear struct {
	Ternary bool
	m, k, n int
	rows    []int     // N_i
	xq      []float32 // [M,K] activations as integers (or as they are)
	xScale  []float32 // [M] activation scales
	wq      []float32 // [N,K] ternary weights (or as they are)
	wScale  []float32 // per weight, absmean
	dy      []float32 // [M,N] scratch of the backward pass
}

// NewLinear makes a layer for M rows of K values and weights of the given N.
func NewLinear(ternary bool, m, k int, rows ...int) *Linear {
	l := &Linear{Ternary: ternary, m: m, k: k, rows: rows, wScale: make([]float32, len(rows)), xScale: make([]float32, m)}
	for _, n := range rows {
		l.n += n
	}
	l.xq, l.wq = make([]float32, m*k), make([]float32, l.n*k)
	return l
}

// Func is the layer as an operation of a graph; its inputs are x and the weights.
func (l *Linear) Func(name string) Func {
	return Func{Name: name, Shape: []int{l.m, l.n}, Forward: l.forward, Backward: l.backward}
}

// Codes are the ternary values, as float32, of weight i in the last forward pass.
func (l *Linear) Codes(i int) []float32 {
	lo := l.firstRow(i)
	return l.wq[lo*l.k : (lo+l.rows[i])*l.k]
}

// Scale is the absmean of weight i in the last forward pass.
func (l *Linear) Scale(i int) float32 { return l.wScale[i] }

func (l *Linear) firstRow(i int) int {
	lo := 0
	for _, n := range l.rows[:i] {
		lo += n
	}
	return lo
}

func (l *Linear) forward(in [][]float32, y []float32) {
	for i, w := range in[1:] {
		l.loadWeight(i, w)
	}
	l.loadInput(in[0])
	kernel.Gemm(false, true, l.m, l.n, l.k, l.xq, l.wq, y, false)
	if l.Ternary {
		l.scaleColumns(y, y, quant.Rescale)
	}
}

func (l *Linear) loadWeight(i int, w []float32) {
	dst := l.Codes(i)
	if !l.Ternary {
		copy(dst, w)
		return
	}
	l.wScale[i] = kernel.AbsMean(w)
	inverse := 1 / l.wScale[i]
	parallel.For(len(w), 1<<14, func(lo, hi int) { kernel.TernarizeFloat(dst[lo:hi], w[lo:hi], inverse) })
}

func (l *Linear) loadInput(x []float32) {
	if !l.Ternary {
		copy(l.xq, x)
		return
	}
	parallel.For(l.m, 1+1<<14/l.k, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			l.xScale[t] = kernel.QuantizeActivationsFloat(l.xq[t*l.k:][:l.k], x[t*l.k:][:l.k])
		}
	})
}

// scaleColumns writes src [M,N] times factor(weight scale, activation scale) to dst.
func (l *Linear) scaleColumns(dst, src []float32, factor func(weight, activation float32) float32) {
	parallel.For(l.m, 1+1<<14/l.n, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			column := t * l.n
			for i, n := range l.rows {
				kernel.ScaleTo(dst[column:], src[column:][:n], factor(l.wScale[i], l.xScale[t]))
				column += n
			}
		}
	})
}

func (l *Linear) backward(_ [][]float32, grad []float32, grads [][]float32) {
	if l.dy == nil {
		l.dy = make([]float32, l.m*l.n)
	}
	dy := grad
	if l.Ternary { // the weights' scales move from Wq into dY, where a copy is at hand
		dy = l.dy
		l.scaleColumns(dy, grad, func(weight, _ float32) float32 { return weight })
	}
	kernel.Gemm(false, false, l.m, l.k, l.n, dy, l.wq, grads[0], false)
	if l.Ternary { // and the activations' scales likewise from Xq
		l.scaleColumns(dy, grad, func(_, activation float32) float32 { return 1 / activation })
	}
	for i, n := range l.rows {
		lo := l.firstRow(i)
		kernel.GemmStrided(true, false, n, l.k, l.m, dy[lo:], l.n, l.xq, l.k, grads[1+i], false)
	}
}
