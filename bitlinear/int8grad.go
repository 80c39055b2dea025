package bitlinear

import (
	"trit/bitlinear/kernel/intgrad"
	"trit/bitlinear/kernel/intmul"
)

// gradsInInt8 reports whether the products of the next backward pass are of integers.
func (m *Mode) gradsInInt8() bool { return m.Int8Gradients && m.integers() && m.Adapters.Rank == 0 }

// beginInt8 is BeginGrad for products of integers.
func (l *Linear) beginInt8(in *Input) {
	l.scratch.int8Grad.Begin(intgrad.Layer{Rows: l.rows, Weights: l.wScale, Activations: in.Scale,
		Key: mix(mix(l.mode.Key) + uint64(l.Number))})
}

// backInt8 computes the gradient of the input and those of the weights of the rows that the gradient of y was set to.
func (l *Linear) backInt8(in *Input, dy, dx []float32, grads []Grad, accumulate bool) {
	var memory [maxTogether]*intmul.Ternary
	codes := memory[:0]
	for i := range l.outputs {
		codes = append(codes, l.outputs[i].W)
	}
	g := &l.scratch.int8Grad
	g.MulCodes(l.mode.pool(), codes, dx)
	g.MulActivations(l.mode.pool(), dy, in.Int8, l.values(grads), accumulate)
}

// values are the gradients of the weights themselves.
func (l *Linear) values(grads []Grad) [][]float32 {
	l.parts = l.parts[:0]
	for _, g := range grads {
		l.parts = append(l.parts, g.Value)
	}
	return l.parts
}
