package bitlinear

import (
	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
)

// Weights between -scale/2 and scale/2 are rounded to 0 and leave that dead zone by the noise of their
// gradients alone. Tequila gives them a part in the output, a bias of each row, Deadzone times their sum,
// and so a gradient that depends on no input. The bias depends on the weights alone: it is a constant once
// they are trained.
//
// Source: Huang et al., "Tequila: Trapping-free Ternary Quantization for Large Language Models", 2025.

// deadzone is the factor of the bias in the next pass; 0: there is none.
func (m *Mode) deadzone() float32 {
	if !m.Ternary {
		return 0
	}
	return m.Deadzone * min(m.Lambda, 1)
}

// addDeadzone adds the bias of the dead zone to y.
func (l *Linear) addDeadzone(weights []Weight, y []float32) {
	factor := l.mode.deadzone()
	if factor == 0 {
		return
	}
	bias := l.scratch.floats(deadzoneSums, l.n)[:l.n]
	l.forWeightRows(weights, func(n, i, row int, r quant.Rounding) {
		bias[n] = factor * vector.DeadSum(weights[i].Value[row*l.k:][:l.k], r)
	})
	l.mode.pool().For(l.m, 1+1<<14/l.n, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			vector.Axpy(1, bias, y[t*l.n:][:l.n])
		}
	})
}

// sumRows adds up the rows of dy, the gradient of y: that is the gradient of the bias.
func (l *Linear) sumRows(dy []float32) {
	if l.mode.deadzone() == 0 {
		return
	}
	sums := l.scratch.floats(deadzoneSums, l.n)[:l.n]
	l.mode.pool().For(l.n, 1+1<<14/l.m, func(lo, hi int) {
		clear(sums[lo:hi])
		for t := range l.m {
			vector.Axpy(1, dy[t*l.n+lo:t*l.n+hi], sums[lo:hi])
		}
	})
}

// addDeadzoneGrads adds the gradients by way of the bias to those of the weights, after sumRows.
func (l *Linear) addDeadzoneGrads(weights []Weight, grads []Grad) {
	factor := l.mode.deadzone()
	if factor == 0 {
		return
	}
	sums := l.scratch.floats(deadzoneSums, l.n)
	l.forWeightRows(weights, func(n, i, row int, r quant.Rounding) {
		vector.DeadAdd(factor*sums[n], grads[i].Value[row*l.k:][:l.k], weights[i].Value[row*l.k:][:l.k], r)
	})
}

// forWeightRows calls body for row n of the layer, which is a row of weight i, with the rounding of the last
// forward pass.
func (l *Linear) forWeightRows(weights []Weight, body func(n, i, row int, r quant.Rounding)) {
	first := 0
	for i := range weights {
		r := quant.ToNearest(1 / l.wScale[i])
		l.mode.pool().For(l.rows[i], 1+1<<14/l.k, func(lo, hi int) {
			for row := lo; row < hi; row++ {
				body(first+row, i, row, r)
			}
		})
		first += l.rows[i]
	}
}
