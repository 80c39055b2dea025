package graph

import (
	"trit/bitlinear"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// finalNorm is the RMSNorm before the head: x [M,D], weight [D] -> [M,D]. A frozen weight is no input.
type finalNorm struct {
	*workspace
	inverse []float32 // [M], 1/rms
	frozen  []float32
}

// weight is the weight of the norm, which is the second input or frozen.
func (n *finalNorm) weight(in [][]float32) []float32 {
	if n.frozen != nil {
		return n.frozen
	}
	return in[1]
}

func (n *finalNorm) fn(grad []float32) bitlinear.Func {
	grads := [][]float32{n.stream, grad}
	if n.frozen != nil {
		grads = grads[:1]
	}
	return bitlinear.Func{
		Name: "norm", Shape: []int{n.rows, n.config.HiddenSize}, Grads: grads,
		Forward: n.forward, Backward: n.backward,
	}
}

func (n *finalNorm) forward(in [][]float32, out []float32) {
	d, w := n.config.HiddenSize, n.weight(in)
	forRows(n.pool, n.rows, d, func(r int) {
		x := in[0][r*d:][:d]
		n.inverse[r] = inverseRMS(x, n.config.RMSNormEps)
		vector.ScaledProduct(out[r*d:][:d], w, x, n.inverse[r])
	})
}

// backward turns the gradient of the output into the gradient of x, in place.
func (n *finalNorm) backward(in [][]float32, grad []float32, grads [][]float32) {
	d, w := n.config.HiddenSize, n.weight(in)
	var dWeight []float32
	if n.frozen == nil {
		dWeight = grads[1]
	}
	n.normGrads(dWeight, d, func(r int, dw []float32, _ *rowScratch) {
		rmsNormGrad(grad[r*d:][:d], in[0][r*d:][:d], w, dw, n.inverse[r])
	})
	if n.frozen == nil {
		n.done(model.FinalNorm)
	}
}
