package bitlinear

import (
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Linear is a layer y = x W^T of one or several weights that read the same input, such
// as the query, key and value projections: x [M,K], weights [N_i,K], y [M, sum N_i].
//
// With Mode.Ternary it is BitLinear: activations are rounded to int8, or 4 bits, per token, weights to
// -1, 0, +1 per tensor, row or group, and gradients pass both roundings as if they were not there
// (the straight-through estimator), so dX = dY Wq and dW = dY^T Xq with the
// dequantised values. The forward product is the one that the engine uses, int8 by packed weights
// in int32. No copy of the weights is kept but their codes, if Mode.KeepCodes: they are rounded while
// a product packs them, forward and backward. With a scale a row or a group, or activations that are not
// rounded, the products are of floats, which are made in each pass: the ternary values times their scales.
type Linear struct {
	Number  int // of the layer in its graph; layers of different numbers drop different inputs
	mode    *Mode
	scratch *Scratch
	m, k, n int
	rows    []int           // N_i
	firsts  []int           // first column of y of each weight
	wScale  []float32       // per weight, of the last forward pass
	outputs []intmul.Output // of the forward product in integers
	factors []float32       // [N], inverses of the weights' scales
	dyScale []gemm.Factors  // of the gradient of y
	terms   []gemm.Rows     // the weights as an operand
	codes   []*Frozen       // of the weights in the last forward pass, if Mode.KeepCodes
	parts   [][]float32     // gradients of the weights
	gradSet bool            // SetGrad takes the gradient of y
}

// Input is the form in which a layer keeps its input x [M,K] for the backward pass.
type Input struct {
	Int8  []int8    // [M,K], x as integers
	Scale []float32 // [M], their scales; of Float if activations are not rounded
	Float []float32 // [M,K], x itself, or what it is rounded to; used if Mode does not compute with integers
	Plain []float32 // [M,K], x before rounding; used by adapters
	Low   []float32 // by weight [M,rank], what B of its adapter reads, in the last forward pass
	// Largest is the largest |x| of each row, [M], of a model of activations in 4 bits, whose scales do not
	// tell it.
	Largest []float32
}

// NewLinear makes a layer for M rows of K values and weights of the given N. Layers of a
// graph, which work one after the other, share their scratch.
func NewLinear(mode *Mode, s *Scratch, m, k int, rows ...int) *Linear {
	l := &Linear{mode: mode, scratch: s, m: m, k: k, rows: rows, wScale: make([]float32, len(rows)),
		outputs: make([]intmul.Output, len(rows)), terms: make([]gemm.Rows, len(rows)),
		dyScale: make([]gemm.Factors, len(rows)), codes: make([]*Frozen, len(rows))}
	for i, n := range rows {
		l.firsts = append(l.firsts, l.n)
		l.n += n
		l.outputs[i].Factor = make([]float32, m)
		l.dyScale[i] = gemm.Factors{Columns: n, Of: make([]float32, m)}
	}
	l.factors = make([]float32, l.n)
	return l
}

// Func is the layer as an operation of a graph; its inputs are x and the weights.
func (l *Linear) Func(name string) Func {
	in := l.NewInput()
	weights, dw := make([]Weight, len(l.rows)), make([]Grad, len(l.rows))
	return Func{Name: name, Shape: []int{l.m, l.n},
		Forward: func(values [][]float32, y []float32) {
			l.mode.pool().For(l.m, 1+1<<14/l.k, func(lo, hi int) {
				for t := lo; t < hi; t++ {
					l.SetInput(in, t, values[0][t*l.k:][:l.k])
				}
			})
			for i, v := range values[1:] {
				weights[i].Value = v
			}
			l.Forward(in, weights, y)
		},
		Backward: func(values [][]float32, grad []float32, grads [][]float32) {
			for i, g := range grads[1:] {
				dw[i].Value = g
			}
			l.Backward(in, weights, grad, grads[0], dw, false)
		}}
}

// NewInput makes the memory for an input. It makes Float and Plain only if Mode needs them now.
func (l *Linear) NewInput() *Input {
	in := &Input{}
	if l.mode.Ternary {
		in.Scale = make([]float32, l.m)
	}
	if l.mode.roundsActivations() {
		in.Int8 = memory.Make[int8](l.m * l.k)
	}
	if l.mode.Int4 {
		in.Largest = make([]float32, l.m)
	}
	if !l.mode.integers() {
		in.Float = memory.Make[float32](l.m * l.k)
	}
	if a := l.mode.Adapters; a.Rank > 0 && !a.Inside {
		if in.Plain = in.Float; l.mode.roundsActivations() {
			in.Plain = memory.Make[float32](l.m * l.k)
		}
		in.Low = make([]float32, len(l.rows)*l.m*a.Rank)
	}
	return in
}

// SetInput takes row t of the input, x [K]; different rows may be set at the same time.
func (l *Linear) SetInput(in *Input, t int, x []float32) {
	if !l.mode.roundsActivations() {
		copy(in.Float[t*l.k:], x)
		if l.mode.Ternary {
			in.Scale[t] = quant.AbsMaxScale(vector.AbsMax(x))
		}
		return
	}
	if in.Plain != nil {
		copy(in.Plain[t*l.k:], x)
	}
	row := l.round(in, t, x)
	if l.mode.integers() {
		return
	}
	mixed := in.Float[t*l.k:][:l.k]
	vector.WidenInt8(mixed, row)
	vector.Scale(l.mode.Lambda/in.Scale[t], mixed)
	vector.Axpy(1-l.mode.Lambda, x, mixed)
}

// round writes row t of the input as integers.
func (l *Linear) round(in *Input, t int, x []float32) (row []int8) {
	row = in.Int8[t*l.k:][:l.k]
	if in.Largest != nil {
		in.Largest[t] = vector.AbsMax(x)
	}
	if l.mode.Int4 {
		in.Scale[t] = vector.QuantizeActivations4(row, x)
	} else {
		in.Scale[t] = vector.QuantizeActivations(row, x)
	}
	return row
}

// Forward computes y [M,N] of an input whose rows are set.
func (l *Linear) Forward(in *Input, weights []Weight, y []float32) {
	l.Prepare(weights)
	if l.mode.integers() {
		l.multiplyRows(l.mode.pool(), in, 0, l.m, y)
	} else {
		p := gemm.Product{M: l.m, N: l.n, K: l.k, A: in.Float, LDA: l.k, B: l.terms, TransB: true, C: [][]float32{y}}
		l.mode.Run(&p)
	}
	l.addDeadzone(weights, y)
	l.addAdapters(in, weights, y)
}

// Prepare makes the weights an operand. With Mode.Rowwise it lasts until the weights change, else until the next layer
// with the same Scratch is prepared.
func (l *Linear) Prepare(weights []Weight) {
	first := 0
	for i, n := range l.rows {
		l.setTerm(i, first, weights[i], true)
		if l.mode.integers() {
			l.pack(i, weights[i]) // while the caches have what was measured
		}
		first += n
	}
}

// pack makes the codes of weight i.
func (l *Linear) pack(i int, w Weight) {
	o := &l.outputs[i]
	if f := w.Frozen; f != nil && f.codes != nil {
		o.W = f.codes
		return
	}
	o.W = l.packed(i, l.rows[i])
	o.W.PackMasters(l.mode.pool(), l.terms[i].F32, l.terms[i].Rounding)
}

// ForwardRows is Forward for the rows [lo,hi) of y, [hi-lo,N], on the caller's goroutine, after Prepare. It needs
// Mode.Rowwise. Different rows may be computed at the same time.
func (l *Linear) ForwardRows(in *Input, lo, hi int, y []float32) {
	l.multiplyRows(parallel.OneThread, in, lo, hi, y)
}

// maxTogether is the largest number of weights of a layer that needs no allocation for each product.
const maxTogether = 4

// multiplyRows computes rows of y in integers.
func (l *Linear) multiplyRows(pool *parallel.Pool, in *Input, lo, hi int, y []float32) {
	var memory [maxTogether]intmul.Output
	outputs, first := append(memory[:0], l.outputs...), 0
	for i, n := range l.rows {
		o := &outputs[i]
		o.Dst, o.Stride, o.Factor = y[first:], l.n, o.Factor[lo:hi]
		for t, s := range in.Scale[lo:hi] {
			o.Factor[t] = quant.Rescale(l.wScale[i], s)
		}
		first += n
	}
	intmul.MulTernary(pool, in.Int8[lo*l.k:hi*l.k], hi-lo, outputs...)
}

// packed is memory for the codes of weight i, which has n rows.
func (l *Linear) packed(i, n int) *intmul.Ternary {
	if !l.mode.KeepCodes {
		return l.scratch.packed(n, l.k, i)
	}
	if l.codes[i] == nil {
		l.codes[i] = FrozenCodes(intmul.NewTernary(n, l.k), 1)
	}
	return l.codes[i].codes
}

// Backward computes the gradients of input, dx [M,K], and those that are wanted of the weights from
// dy [M,N], the gradient of y, also after SetGrad. If accumulate is set, it adds to the latter.
//
// With integers, dy is multiplied by the scales of both operands while it is packed, and the results
// by their inverses, so that one product takes the ternary weights and the other the int8 activations
// without scales. With Mode.Int8Gradients dy is rounded to int8, and the products are of integers too.
func (l *Linear) Backward(in *Input, weights []Weight, dy, dx []float32, grads []Grad, accumulate bool) {
	dx = dx[:l.m*l.k]
	beside := l.mode.Adapters.beside()
	if beside {
		l.besideGrads(in, weights, dy, grads, accumulate)
	}
	l.sumRows(dy)
	l.setGrad(in, dy)
	if l.mode.gradsInInt8() {
		l.backInt8(in, dy, dx, grads, accumulate)
		l.addDeadzoneGrads(weights, grads)
		return
	}
	l.setTerms(weights)
	l.backX(in, dy, dx)
	switch {
	case beside:
		l.addInputGrads(weights, dx)
	case l.mode.Adapters.inside():
		dw := l.scratch.floats(mergedGrads, l.n*l.k)[:l.n*l.k]
		l.backW(in, dy, [][]float32{dw}, false)
		l.insideGrads(weights, dw, grads, accumulate)
	case grads[0].Value != nil:
		l.backW(in, dy, l.values(grads), accumulate)
	}
	l.addDeadzoneGrads(weights, grads)
}

// BeginGrad prepares for SetGrad, after the forward pass of an input and before Backward. No other layer of the
// graph works in between.
func (l *Linear) BeginGrad(in *Input) {
	l.gradSet = true
	if l.mode.gradsInInt8() {
		l.beginInt8(in)
		return
	}
	if l.mode.integers() {
		l.setFactors(in.Scale)
	}
	if l.mode.BF16 {
		l.scratch.Grad.Reset(l.m, l.n)
	}
}

// SetGrad takes row t of the gradient of y, dy [N], which is cheaper than in Backward while it is in the caches.
// All rows are set then, some of them at the same time.
func (l *Linear) SetGrad(t int, dy []float32) {
	if l.mode.gradsInInt8() {
		l.scratch.int8Grad.SetRow(t, dy)
		return
	}
	if !l.mode.BF16 {
		return
	}
	for i, first := range l.firsts {
		l.scratch.Grad.SetRow(t, first, dy[first:][:l.rows[i]], l.gradFactor(i, t))
	}
}

// TakesGrad reports whether Backward reads what SetGrad took, and nothing of dy. Gradients in int8 are rounded a
// second time, by column.
func (l *Linear) TakesGrad() bool {
	return l.mode.BF16 && !l.mode.gradsInInt8() && l.mode.deadzone() == 0 && !l.mode.Adapters.beside()
}

// setGrad makes the left side of the products that read dy, if SetGrad has not.
func (l *Linear) setGrad(in *Input, dy []float32) {
	if !l.gradSet {
		l.BeginGrad(in)
		l.forRows(func(t int) { l.SetGrad(t, dy[t*l.n:]) })
	}
	l.gradSet = false
}

// gradFactor is what row t of dy is multiplied by in the columns of weight i.
func (l *Linear) gradFactor(i, t int) float32 {
	if l.mode.integers() {
		return l.dyScale[i].Of[t]
	}
	return 1
}

// ofGrad is a product whose left side is dy, or dy transposed.
func (l *Linear) ofGrad(dy []float32, transposed bool) *gemm.Product {
	p := &gemm.Product{TransA: transposed}
	if l.mode.BF16 {
		p.Left = &l.scratch.Grad
		return p
	}
	p.A, p.LDA = dy, l.n
	if l.mode.integers() {
		p.AFactors = l.dyScale
	}
	return p
}

// backX computes the gradient of the input.
func (l *Linear) backX(in *Input, dy, dx []float32) {
	p := l.ofGrad(dy, false)
	p.M, p.N, p.K, p.B, p.C = l.m, l.k, l.n, l.terms, [][]float32{dx}
	if l.mode.integers() {
		p.RowFactor = in.Scale
	}
	l.mode.Run(p)
}

// backW computes the gradients of the weights.
func (l *Linear) backW(in *Input, dy []float32, dw [][]float32, accumulate bool) {
	p := l.ofGrad(dy, true)
	p.M, p.N, p.K, p.C, p.Accumulate, p.Late = l.n, l.k, l.m, dw, accumulate, true
	p.B = []gemm.Rows{{Count: l.m, F32: in.Float}}
	if l.mode.integers() {
		p.RowFactor, p.B[0] = l.factors, gemm.Rows{Count: l.m, Int8: in.Int8}
	}
	l.mode.Run(p)
}

// setFactors sets the factors of dy, the scales of the weights over the scales of the activations, and
// those of the results.
func (l *Linear) setFactors(activations []float32) {
	first := 0
	for i, n := range l.rows {
		for j := range n {
			l.factors[first+j] = 1 / l.wScale[i]
		}
		first += n
		for t, a := range activations {
			l.dyScale[i].Of[t] = l.wScale[i] / a
		}
	}
}

// setTerms makes the weights an operand, under the scales of the last forward pass.
func (l *Linear) setTerms(weights []Weight) {
	first := 0
	for i, w := range weights {
		l.setTerm(i, first, w, false)
		first += l.rows[i]
	}
}

// setTerm makes weight i an operand, whose first row in the layer is first: under the scale that it measures, or under
// that of the last forward pass.
func (l *Linear) setTerm(i, first int, w Weight, measure bool) {
	if f := w.Frozen; f != nil && (f.codes != nil || !l.mode.Ternary) {
		l.terms[i], l.wScale[i] = f.Rows(), f.scale
		return
	}
	if l.mode.integers() && l.codes[i] != nil && !measure {
		l.terms[i] = l.codes[i].Rows()
		return
	}
	values := l.merged(i, first, w)
	if l.mode.Ternary && measure {
		l.wScale[i] = l.mode.Scale(values)
	}
	var buffer []float32
	if l.mode.copies() {
		buffer = l.scratch.floats(roundedWeights, l.n*l.k)[first*l.k:][:len(values)]
	}
	l.terms[i] = l.mode.term(buffer, values, l.rows[i], l.wScale[i])
}

// AbsMax is the largest activation of an input, before rounding.
func (in *Input) AbsMax() float32 {
	if in.Largest != nil {
		return vector.Max(in.Largest)
	}
	least := float32(0)
	for i, s := range in.Scale {
		if i == 0 || s < least {
			least = s
		}
	}
	if least == 0 {
		return 0
	}
	return 127 / least
}
