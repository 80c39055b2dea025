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
// dequantised values. The forward product is that of the engine, int8 by packed weights
// in int32. The rounded integers are kept as float32 for the backward products, of which
// dY is the only operand that BF16 rounds.
type Linear struct {
	Ternary bool
	BF16    bool // backward products of ternary weights in bfloat16; see kernel.HasBF16
	m, k, n int
	rows    []int             // N_i
	xq      []float32         // [M,K] activations as integers (or as they are)
	x8      []int8            // xq again
	xScale  []float32         // [M] activation scales
	wq      []float32         // [N,K] ternary weights (or as they are)
	packed  []*kernel.Ternary // wq again, weight by weight
	wScale  []float32         // per weight, absmean
	outputs []kernel.Output   // of the forward product
	dy      []float32         // [M,N] scratch of the backward pass
}

// NewLinear makes a layer for M rows of K values and weights of the given N.
func NewLinear(ternary bool, m, k int, rows ...int) *Linear {
	l := &Linear{Ternary: ternary, m: m, k: k, rows: rows, wScale: make([]float32, len(rows)), xScale: make([]float32, m)}
	for _, n := range rows {
		l.n += n
	}
	l.xq, l.wq = make([]float32, m*k), make([]float32, l.n*k)
	if !ternary {
		return l
	}
	l.x8 = make([]int8, m*k)
	for _, n := range rows {
		w := kernel.NewTernary(n, k)
		l.packed = append(l.packed, w)
		l.outputs = append(l.outputs, kernel.Output{W: w, Factor: make([]float32, m), Stride: l.n})
	}
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
	if !l.Ternary {
		kernel.Gemm(false, true, l.m, l.n, l.k, l.xq, l.wq, y, false)
		return
	}
	for i := range l.outputs {
		o := &l.outputs[i]
		o.Dst = y[l.firstRow(i):]
		for t, s := range l.xScale {
			o.Factor[t] = quant.Rescale(l.wScale[i], s)
		}
	}
	kernel.MulTernary(l.x8, l.m, l.outputs...)
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
	l.packed[i].PackFloats(dst)
}

func (l *Linear) loadInput(x []float32) {
	if !l.Ternary {
		copy(l.xq, x)
		return
	}
	parallel.For(l.m, 1+1<<14/l.k, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := l.x8[t*l.k:][:l.k]
			l.xScale[t] = kernel.QuantizeActivations(row, x[t*l.k:][:l.k])
			kernel.WidenInt8(l.xq[t*l.k:][:l.k], row)
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
	l.product(false, l.m, l.n, dy, l.wq, grads[0])
	if l.Ternary { // and the activations' scales likewise from Xq
		l.scaleColumns(dy, grad, func(_, activation float32) float32 { return 1 / activation })
	}
	for i, n := range l.rows {
		l.product(true, n, l.m, dy[l.firstRow(i):], l.xq, grads[1+i])
	}
}

// product computes c [rows,K] = dY b, or dY^T b, over depth values.
func (l *Linear) product(transposed bool, rows, depth int, dy, b, c []float32) {
	if l.Ternary && l.BF16 {
		kernel.GemmBF16(transposed, rows, l.k, depth, dy, l.n, b, l.k, c)
		return
	}
	kernel.GemmStrided(transposed, false, rows, l.k, depth, dy, l.n, b, l.k, c, false)
}
