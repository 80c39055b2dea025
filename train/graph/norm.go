package graph

import (
	"trit/bitlinear"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// finalNorm is the RMSNorm before the head: x [M,D], weight [D] -> [M,D].
type finalNorm struct {
	*workspace
	inverse []float32 // [M], 1/rms
}

func (n *finalNorm) fn(grad []float32) bitlinear.Func {
	return bitlinear.Func{
		Name: "norm", Shape: []int{n.rows, n.config.HiddenSize}, Grads: [][]float32{n.stream, grad},
		Forward: n.forward, Backward: n.backward,
	}
}

func (n *finalNorm) forward(in [][]float32, out []float32) {
	d := n.config.HiddenSize
	forRows(n.pool, n.rows, d, func(r int) {
		x := in[0][r*d:][:d]
		n.inverse[r] = inverseRMS(x, n.config.RMSNormEps)
		vector.ScaledProduct(out[r*d:][:d], in[1], x, n.inverse[r])
	})
}

// backward turns the gradient of the output into the gradient of x, in place.
func (n *finalNorm) backward(in [][]float32, grad []float32, grads [][]float32) {
	d := n.config.HiddenSize
	n.normGrads(grads[1], d, func(r int, dw []float32, s *rowScratch) {
		rmsNormGrad(grad[r*d:][:d], in[0][r*d:][:d], in[1], dw, n.inverse[r], s)
	})
	n.done(model.FinalNorm)
}
