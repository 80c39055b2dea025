package graph

import (
	"math"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// rowGrain is the least number of values of a row-wise operation that is worth a thread.
const rowGrain = 1 << 14

// forRows calls body for each row, on the threads of a pool.
func forRows(pool *parallel.Pool, rows, width int, body func(row int)) {
	pool.For(rows, 1+rowGrain/width, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			body(r)
		}
	})
}

// inverseRMS is 1/sqrt(mean(x^2) + eps); RMSNorm is weight * x * inverseRMS(x).
func inverseRMS(x []float32, eps float64) float32 {
	return float32(1 / math.Sqrt(float64(vector.Dot(x, x))/float64(len(x))+eps))
}

// rmsNormGrad replaces g, the gradient of a norm's output, by the gradient of its input x,
// inv*w*g - x * inv^3/D * sum(x*w*g), and adds x*inv*g to dw, the gradient of the weight w.
func rmsNormGrad(g, x, w, dw []float32, inv float32) {
	vector.NormGrad(g, g, x, w, inv, normFactor(g, x, w, dw, inv))
}

// addRMSNormGrad adds the gradient of the input to sum, and leaves g as it is.
func addRMSNormGrad(sum, g, x, w, dw []float32, inv float32) {
	vector.AddNormGrad(sum, g, x, w, inv, normFactor(g, x, w, dw, inv))
}

// normFactor is what x is multiplied by in the gradient of a norm. It adds the gradient of w to dw.
func normFactor(g, x, w, dw []float32, inv float32) float32 {
	return inv * inv * vector.NormSums(dw, g, x, w, inv) / float32(len(x))
}

// gatedUnit is act(gate)*up of a row [2F] with gate and up side by side.
type gatedUnit struct {
	product func(dst, gate, up []float32)
	grad    func(dGate, dUp, gate, up, grad []float32)
}

func newGatedUnit(act string) gatedUnit {
	if act == model.SiLU {
		return gatedUnit{vector.SiLUProduct, vector.SiLUGrad}
	}
	return gatedUnit{vector.ReLU2Product, vector.ReLU2Grad}
}

// forward writes the unit of a row to dst and returns it, [F].
func (u gatedUnit) forward(dst, gateUp []float32) []float32 {
	f := len(gateUp) / 2
	u.product(dst, gateUp[:f], gateUp[f:])
	return dst[:f]
}

// backward writes the gradient of gateUp to dst, which may be gateUp; grad [F] is the gradient of the unit.
func (u gatedUnit) backward(dst, gateUp, grad []float32) {
	f := len(grad)
	u.grad(dst[:f], dst[f:2*f], gateUp[:f], gateUp[f:], grad)
}
