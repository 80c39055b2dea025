package bitlinear

import (
	"math"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
)

// Adapters say how the adapters of a graph's layers compute (LoRA, arXiv 2106.09685). They stand
// beside the layer, y = BitLinear(x) + Scale*B(A x), where x is not rounded for the adapter; or
// inside the quantiser, whose weights are then ternary(W + Scale*B*A) with the gradient passed
// straight through.
type Adapters struct {
	Rank    int // 0: there are none
	Scale   float32
	Inside  bool
	Dropout float32 // share of the inputs of A that are set to zero; beside only
	// Key selects the masks of dropout, which depend on it, on the layer, its weight, the row and the
	// column alone: so the backward pass and a pass that is computed again have the same.
	Key uint64
	Off bool // compute as if there were no adapters
	// Steady passes have no dropout.
	Steady bool
}

// beside reports whether adapters stand beside the layers.
func (a *Adapters) beside() bool { return a.Rank > 0 && !a.Inside && !a.Off }

// inside reports whether adapters change the weights before they are rounded.
func (a *Adapters) inside() bool { return a.Rank > 0 && a.Inside && !a.Off }

// drops reports whether inputs are dropped in this pass.
func (a *Adapters) drops() bool { return a.Dropout > 0 && !a.Steady }

// merged returns the float32 values of weight i: with the product of its adapter added if that
// stands inside. They lie in scratch.
func (l *Linear) merged(i, first int, w Weight) []float32 {
	a := &l.mode.Adapters
	if w.Frozen == nil && (w.A == nil || !a.inside()) {
		return w.Value
	}
	values := l.scratch.floats(mergedWeights, l.n*l.k)[first*l.k:][:l.rows[i]*l.k]
	if w.Frozen != nil {
		w.Frozen.copyTo(l.mode.pool(), values)
	} else {
		copy(values, w.Value)
	}
	if w.A == nil || !a.inside() {
		return values
	}
	l.mode.pool().For(l.rows[i], 1+1<<14/l.k, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			vector.AddLowRank(values[n*l.k:][:l.k], w.B[n*a.Rank:][:a.Rank], w.A, a.Scale)
		}
	})
	return values
}

// addAdapters adds the products of the adapters beside the layer to y.
func (l *Linear) addAdapters(in *Input, weights []Weight, y []float32) {
	if !l.mode.Adapters.beside() {
		return
	}
	first := 0
	for i, w := range weights {
		n := l.rows[i]
		if w.A != nil {
			low, out := l.lowRank(in, i, w), l.scratch.floats(adapterOutput, l.m*n)[:l.m*n]
			l.mode.Run(&gemm.Product{M: l.m, N: n, K: l.rank(), A: low, LDA: l.rank(),
				B: []gemm.Rows{{Count: n, F32: w.B}}, TransB: true, C: [][]float32{out}})
			l.forRows(func(t int) { vector.Axpy(1, out[t*n:][:n], y[t*l.n+first:]) })
		}
		first += n
	}
}

func (l *Linear) rank() int { return l.mode.Adapters.Rank }

// lowRank is the input of B times the scale: Scale*A(x), [M,rank].
func (l *Linear) lowRank(in *Input, i int, w Weight) []float32 {
	low := l.scratch.floats(lowRank, l.m*l.rank())[:l.m*l.rank()]
	l.mode.Run(&gemm.Product{M: l.m, N: l.rank(), K: l.k, A: l.dropped(in.Plain, i), LDA: l.k,
		B: []gemm.Rows{{Count: l.rank(), F32: w.A}}, TransB: true, C: [][]float32{low}, RowFactor: l.scales(l.m)})
	return low
}

// scales are n times the scale of the adapters.
func (l *Linear) scales(n int) []float32 {
	s := l.scratch.floats(scales, n)[:n]
	for i := range s {
		s[i] = l.mode.Adapters.Scale
	}
	return s
}

// besideGrads computes the gradients of the adapters beside the layer from dy, the gradient of y.
func (l *Linear) besideGrads(in *Input, weights []Weight, dy []float32, grads []Grad, accumulate bool) {
	first := 0
	for i, w := range weights {
		n := l.rows[i]
		if w.A != nil {
			low := l.lowRank(in, i, w)
			l.mode.Run(&gemm.Product{M: n, N: l.rank(), K: l.m, A: dy[first:], LDA: l.n, TransA: true,
				B: []gemm.Rows{{Count: l.m, F32: low}}, C: [][]float32{grads[i].B}, Accumulate: accumulate})
			dLow := l.dLow(i)
			l.mode.Run(&gemm.Product{M: l.m, N: l.rank(), K: n, A: dy[first:], LDA: l.n,
				B: []gemm.Rows{{Count: n, F32: w.B}}, C: [][]float32{dLow}, RowFactor: l.scales(l.m)})
			l.mode.Run(&gemm.Product{M: l.rank(), N: l.k, K: l.m, A: dLow, LDA: l.rank(), TransA: true,
				B: []gemm.Rows{{Count: l.m, F32: l.dropped(in.Plain, i)}}, C: [][]float32{grads[i].A}, Accumulate: accumulate})
		}
		first += n
	}
}

// dLow is the memory for the gradient of A(x) of weight i, [M,rank].
func (l *Linear) dLow(i int) []float32 {
	size := l.m * l.rank()
	return l.scratch.floats(lowRankGrads, size*len(l.rows))[i*size:][:size]
}

// addInputGrads adds to dx what reaches it through the adapters beside the layer.
func (l *Linear) addInputGrads(weights []Weight, dx []float32) {
	for i, w := range weights {
		if w.A == nil {
			continue
		}
		p := gemm.Product{M: l.m, N: l.k, K: l.rank(), A: l.dLow(i), LDA: l.rank(),
			B: []gemm.Rows{{Count: l.rank(), F32: w.A}}, C: [][]float32{dx}, Accumulate: true}
		if !l.mode.Adapters.drops() {
			l.mode.Run(&p)
			continue
		}
		part := l.scratch.floats(adapterOutput, l.m*l.k)[:l.m*l.k]
		p.C, p.Accumulate = [][]float32{part}, false
		l.mode.Run(&p)
		l.forRows(func(t int) {
			l.drop(part[t*l.k:][:l.k], part[t*l.k:], i, t)
			vector.Axpy(1, part[t*l.k:][:l.k], dx[t*l.k:])
		})
	}
}

// insideGrads computes the gradients of adapters inside the quantiser from dw [N,K], the gradient
// of the layer's weights: dA = Scale*B^T dW and dB = Scale*dW A^T.
func (l *Linear) insideGrads(weights []Weight, dw []float32, grads []Grad, accumulate bool) {
	r := l.rank()
	for i, w := range weights {
		n := l.rows[i]
		part := dw[:n*l.k]
		dw = dw[n*l.k:]
		if w.A == nil {
			continue
		}
		l.mode.Run(&gemm.Product{M: n, N: r, K: l.k, A: part, LDA: l.k, B: []gemm.Rows{{Count: r, F32: w.A}}, TransB: true,
			C: [][]float32{grads[i].B}, RowFactor: l.scales(n), Accumulate: accumulate})
		l.mode.Run(&gemm.Product{M: r, N: l.k, K: n, A: w.B, LDA: r, TransA: true, B: []gemm.Rows{{Count: n, F32: part}},
			C: [][]float32{grads[i].A}, RowFactor: l.scales(r), Accumulate: accumulate})
	}
}

// dropped is x [M,K] as the adapter of weight i reads it: x itself, or a copy with values dropped.
func (l *Linear) dropped(x []float32, i int) []float32 {
	if !l.mode.Adapters.drops() {
		return x
	}
	y := l.scratch.floats(droppedInput, l.m*l.k)[:l.m*l.k]
	l.forRows(func(t int) { l.drop(y[t*l.k:][:l.k], x[t*l.k:], i, t) })
	return y
}

func (l *Linear) forRows(body func(t int)) {
	l.mode.pool().For(l.m, 1+1<<14/l.k, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			body(t)
		}
	})
}

// drop writes row t of x to dst, with the values that the adapter of weight i drops set to zero and
// the others divided by the share that stays. Four columns share a random number.
func (l *Linear) drop(dst, x []float32, i, t int) {
	a := &l.mode.Adapters
	key := mix(mix(mix(a.Key)+uint64(l.Number)) + uint64(i)<<32 + uint64(t))
	threshold, keep := uint64(math.Round(float64(a.Dropout)*(1<<16))), 1/(1-a.Dropout)
	for j := range dst {
		if j%4 == 0 {
			key = mix(key)
		}
		v := x[j] * keep
		if key>>(16*(j%4))&0xffff < threshold {
			v = 0
		}
		dst[j] = v
	}
}

// mix is the output function of SplitMix64 (Steele, Lea and Flood, 2014) behind its step.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
