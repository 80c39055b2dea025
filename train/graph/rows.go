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

// sum is dst = x + y over the length of dst.
func sum(dst, x, y []float32) {
	copy(dst, x)
	vector.Axpy(1, y[:len(dst)], dst)
}

// inverseRMS is 1/sqrt(mean(x^2) + eps); RMSNorm is weight * x * inverseRMS(x).
func inverseRMS(x []float32, eps float64) float32 {
	return float32(1 / math.Sqrt(float64(vector.Dot(x, x))/float64(len(x))+eps))
}

// rmsNormGrad replaces g, the gradient of a norm's output, by the gradient of its input x,
// inv*w*g - x * inv^3/D * sum(x*w*g), and adds x*inv*g to dw, the gradient of the weight w.
func rmsNormGrad(g, x, w, dw []float32, inv float32, s *rowScratch) {
	part := s.norm[:len(x)]
	vector.ScaledProduct(part, x, g, inv)
	vector.Axpy(1, part, dw)
	f := inv * inv * vector.Dot(part, w) / float32(len(x))
	vector.ScaledProduct(g, w, g, inv)
	vector.Axpy(-f, x, g)
}

// gatedUnit is act(gate)*up of a row [2F] with gate and up side by side.
type gatedUnit struct {
	product func(gate, up []float32)
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
	copy(dst, gateUp[:f])
	u.product(dst[:f], gateUp[f:])
	return dst[:f]
}

// backward replaces gateUp by its gradient; grad [F] is the gradient of the unit.
func (u gatedUnit) backward(gateUp, grad []float32) {
	f := len(grad)
	u.grad(gateUp[:f], gateUp[f:], gateUp[:f], gateUp[f:], grad)
}
