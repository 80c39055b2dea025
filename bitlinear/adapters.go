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
	Off     bool    // compute as if there were no adapters
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
	l.mode.addLowRank(values, w.A, w.B, l.k)
	return values
}

// addLowRank adds Scale*B*A to values of rows of k.
func (m *Mode) addLowRank(values, a, b []float32, k int) {
	rank, scale := m.Adapters.Rank, m.Adapters.Scale
	m.pool().For(len(values)/k, 1+1<<14/k, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			vector.AddLowRank(values[n*k:][:k], b[n*rank:][:rank], a, scale)
		}
	})
}

// MergedCodes is Codes of a frozen weight with an adapter inside its quantiser.
func (m *Mode) MergedCodes(dst []float32, f *Frozen, a, b []float32) (scale float32) {
	f.copyTo(m.pool(), dst)
	m.addLowRank(dst, a, b, f.k)
	return m.Codes(dst, dst, f.n)
}

// Recall makes what Backward takes from a forward pass, of an input whose rows are set, where the output
// is not wanted again.
func (l *Linear) Recall(in *Input, weights []Weight) {
	for i, w := range weights {
		if w.A != nil && l.mode.Adapters.beside() {
			l.setLow(in, i, w)
		}
	}
}

// addAdapters adds the products of the adapters beside the layer to y.
func (l *Linear) addAdapters(in *Input, weights []Weight, y []float32) {
	l.Recall(in, weights)
	if !l.mode.Adapters.beside() {
		return
	}
	first := 0
	for i, w := range weights {
		if n := l.rows[i]; w.A != nil {
			l.mode.Run(&gemm.Product{M: l.m, N: n, K: l.rank(), A: l.low(in, i), LDA: l.rank(),
				B: []gemm.Rows{{Count: n, F32: w.B}}, TransB: true, C: l.columns(y, first, n, l.n), LDC: l.n, Accumulate: true})
		}
		first += l.rows[i]
	}
}

// columns are n columns from first on of a matrix of M rows, which is width columns wide.
func (l *Linear) columns(x []float32, first, n, width int) [][]float32 {
	return [][]float32{x[first:][:(l.m-1)*width+n]}
}

func (l *Linear) rank() int { return l.mode.Adapters.Rank }

// low is the input of B of weight i times the scale: Scale*A(x), [M,rank].
func (l *Linear) low(in *Input, i int) []float32 { return in.Low[i*l.m*l.rank():][:l.m*l.rank()] }

func (l *Linear) setLow(in *Input, i int, w Weight) {
	l.mode.Run(&gemm.Product{M: l.m, N: l.rank(), K: l.k, A: l.dropped(in.Plain, i), LDA: l.k,
		B: []gemm.Rows{{Count: l.rank(), F32: w.A}}, TransB: true, C: [][]float32{l.low(in, i)}, RowFactor: l.scales(l.m)})
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
	width, at, first := l.adapted(weights)*l.rank(), 0, 0
	dLow := l.dLow(width)
	for i, w := range weights {
		if n := l.rows[i]; w.A != nil {
			l.mode.Run(&gemm.Product{M: n, N: l.rank(), K: l.m, A: dy[first:], LDA: l.n, TransA: true,
				B: []gemm.Rows{{Count: l.m, F32: l.low(in, i)}}, C: [][]float32{grads[i].B}, Accumulate: accumulate})
			l.mode.Run(&gemm.Product{M: l.m, N: l.rank(), K: n, A: dy[first:], LDA: l.n,
				B: []gemm.Rows{{Count: n, F32: w.B}}, C: l.columns(dLow, at, l.rank(), width), LDC: width,
				RowFactor: l.scales(l.m)})
			at += l.rank()
		}
		first += l.rows[i]
	}
	l.eachInput(weights, func(i, at int, matrices []int) {
		p := gemm.Product{M: len(matrices) * l.rank(), N: l.k, K: l.m, A: dLow[at:], LDA: width, TransA: true,
			B: []gemm.Rows{{Count: l.m, F32: l.dropped(in.Plain, i)}}, Accumulate: accumulate}
		for _, i := range matrices {
			p.C = append(p.C, grads[i].A)
		}
		l.mode.Run(&p)
	})
}

// adapted counts the weights that have an adapter.
func (l *Linear) adapted(weights []Weight) (n int) {
	for _, w := range weights {
		if w.A != nil {
			n++
		}
	}
	return n
}

// eachInput calls body for each input of adapters: the one that all of them read, as that of weight i, or
// with dropout one for each. matrices are the weights whose adapters read it; the gradients of their A(x)
// begin with column at of dLow.
func (l *Linear) eachInput(weights []Weight, body func(i, at int, matrices []int)) {
	var all []int
	for i, w := range weights {
		if w.A != nil {
			all = append(all, i)
		}
	}
	if len(all) > 0 && !l.mode.Adapters.drops() {
		body(all[0], 0, all)
		return
	}
	for j, i := range all {
		body(i, j*l.rank(), all[j:j+1])
	}
}

// dLow is the memory for the gradients of A(x) of all adapters side by side, [M,width].
func (l *Linear) dLow(width int) []float32 {
	return l.scratch.floats(lowRankGrads, l.m*width)[:l.m*width]
}

// addInputGrads adds to dx what reaches it through the adapters beside the layer.
func (l *Linear) addInputGrads(weights []Weight, dx []float32) {
	width := l.adapted(weights) * l.rank()
	l.eachInput(weights, func(i, at int, matrices []int) {
		p := gemm.Product{M: l.m, N: l.k, K: len(matrices) * l.rank(), A: l.dLow(width)[at:], LDA: width,
			C: [][]float32{dx}, Accumulate: true}
		for _, i := range matrices {
			p.B = append(p.B, gemm.Rows{Count: l.rank(), F32: weights[i].A})
		}
		if !l.mode.Adapters.drops() {
			l.mode.Run(&p)
			return
		}
		part := l.scratch.floats(droppedInput, l.m*l.k)[:l.m*l.k]
		p.C, p.Accumulate = [][]float32{part}, false
		l.mode.Run(&p)
		l.forRows(func(t int) {
			l.drop(part[t*l.k:][:l.k], part[t*l.k:], i, t)
			vector.Axpy(1, part[t*l.k:][:l.k], dx[t*l.k:])
		})
	})
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
	key := mix(mix(mix(l.mode.Key)+uint64(l.Number)) + uint64(i)<<32 + uint64(t))
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
