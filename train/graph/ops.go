package graph

import (
	"math"

	"trit/bitlinear"
	"trit/bitlinear/kernel"
	"trit/internal/parallel"
	"trit/model"
)

// rowGrain is how many values of a row-wise operation are worth a thread.
const rowGrain = 1 << 14

func forRows(rows, width int, body func(row int)) {
	parallel.For(rows, 1+rowGrain/width, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			body(r)
		}
	})
}

// embedding looks the tokens up: weight [V,D] -> [M,D].
func embedding(tokens []int32, width int) bitlinear.Func {
	return bitlinear.Func{
		Name: "embedding", Shape: []int{len(tokens), width},
		Forward: func(in [][]float32, out []float32) {
			for i, t := range tokens {
				copy(out[i*width:][:width], in[0][int(t)*width:])
			}
		},
		Backward: func(_ [][]float32, grad []float32, grads [][]float32) {
			clear(grads[0])
			for i, t := range tokens {
				kernel.Axpy(1, grad[i*width:][:width], grads[0][int(t)*width:][:width])
			}
		},
	}
}

// rmsNorm is weight * x / sqrt(mean(x^2) + eps): x [M,D], weight [D] -> [M,D].
func rmsNorm(rows, width int, eps float64) bitlinear.Func {
	inverse := make([]float32, rows) // 1/rms of each row
	return bitlinear.Func{
		Name: "rmsnorm", Shape: []int{rows, width},
		Forward: func(in [][]float32, out []float32) {
			forRows(rows, width, func(r int) {
				x, y := in[0][r*width:][:width], out[r*width:][:width]
				inv := float32(1 / math.Sqrt(float64(kernel.Dot(x, x))/float64(width)+eps))
				inverse[r] = inv
				kernel.ScaledProduct(y, in[1], x, inv)
			})
		},
		Backward: func(in [][]float32, grad []float32, grads [][]float32) {
			forRows(rows, width, func(r int) {
				rmsNormGrad(grads[0][r*width:][:width], in[0][r*width:][:width], in[1], grad[r*width:][:width], inverse[r])
			})
			rmsNormWeightGrad(grads[1], in[0], grad, inverse)
		},
	}
}

// rmsNormGrad is dx = inv*w*g - x * inv^3/D * sum(x*w*g) of one row.
func rmsNormGrad(dx, x, w, g []float32, inv float32) {
	kernel.ScaledProduct(dx, w, g, 1)
	f := inv * inv * inv * kernel.Dot(dx, x) / float32(len(x))
	kernel.Scale(inv, dx)
	kernel.Axpy(-f, x, dx)
}

// rmsNormWeightGrad sums grad*x*inv over the rows, each thread a range of columns, so
// that the order of the sum is that of the rows.
func rmsNormWeightGrad(dw, x, grad, inverse []float32) {
	width := len(dw)
	parallel.For(width, 16, func(lo, hi int) {
		clear(dw[lo:hi])
		for r, inv := range inverse {
			xs, gs := x[r*width+lo:r*width+hi], grad[r*width+lo:r*width+hi]
			for i, v := range xs {
				dw[lo+i] += v * inv * gs[i]
			}
		}
	})
}

// residual is x + y, both [M,D].
func residual(rows, width int) bitlinear.Func {
	return bitlinear.Func{
		Name: "residual", Shape: []int{rows, width},
		Forward: func(in [][]float32, out []float32) {
			parallel.For(len(out), rowGrain, func(lo, hi int) {
				copy(out[lo:hi], in[0][lo:hi])
				kernel.Axpy(1, in[1][lo:hi], out[lo:hi])
			})
		},
		// Two copies, since Gorgonia may add to one of them in place.
		Backward: func(_ [][]float32, grad []float32, grads [][]float32) {
			copy(grads[0], grad)
			copy(grads[1], grad)
		},
	}
}

// gatedUnit is act(gate)*up: [M,2F] with gate and up side by side -> [M,F].
func gatedUnit(rows, width int, act string) bitlinear.Func {
	forward, backward := reluSquared, reluSquaredGrad
	if act == model.SiLU {
		forward, backward = silu, siluGrad
	}
	return bitlinear.Func{
		Name: "gated_" + act, Shape: []int{rows, width},
		Forward: func(in [][]float32, out []float32) {
			forRows(rows, width, func(r int) {
				gu := in[0][2*r*width:][:2*width]
				forward(out[r*width:][:width], gu[:width], gu[width:])
			})
		},
		Backward: func(in [][]float32, grad []float32, grads [][]float32) {
			forRows(rows, width, func(r int) {
				gu, dgu := in[0][2*r*width:][:2*width], grads[0][2*r*width:][:2*width]
				backward(dgu[:width], dgu[width:], gu[:width], gu[width:], grad[r*width:][:width])
			})
		},
	}
}

func reluSquared(out, gate, up []float32) {
	copy(out, gate)
	kernel.ReLU2Product(out, up)
}

func reluSquaredGrad(dGate, dUp, gate, up, grad []float32) {
	for i, g := range gate {
		g = max(g, 0)
		dGate[i] = 2 * g * up[i] * grad[i]
		dUp[i] = g * g * grad[i]
	}
}

func sigmoid(x float32) float32 { return 1 / (1 + kernel.Exp(-x)) }

func silu(out, gate, up []float32) {
	copy(out, gate)
	kernel.SiLUProduct(out, up)
}

func siluGrad(dGate, dUp, gate, up, grad []float32) {
	for i, g := range gate {
		s := sigmoid(g)
		dGate[i] = s * (1 + g*(1-s)) * up[i] * grad[i]
		dUp[i] = g * s * grad[i]
	}
}
