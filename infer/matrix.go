package infer

import (
	"trit/bitlinear/kernel"
	"trit/bitlinear/quant"
)

// ternaryMatrix multiplies int8 activations in int32 and rescales once.
type ternaryMatrix struct {
	w     *kernel.Ternary
	scale float32
}

func (t *ternaryMatrix) mul(y []float32, in *activations, m int) {
	in.quantize(m)
	for i := range m {
		in.factor[i] = quant.Rescale(t.scale, in.scale[i])
	}
	t.w.Mul(y, in.q, m, in.factor)
}

// int8Matrix is a dense weight rounded to int8 row by row.
type int8Matrix struct{ w *kernel.Int8 }

// newInt8 rounds d.
func newInt8(d *denseMatrix) (*int8Matrix, error) {
	w, err := kernel.NewInt8(d.n, d.k, d.row)
	return &int8Matrix{w}, err
}

func (t *int8Matrix) mul(y []float32, in *activations, m int) {
	in.quantize(m)
	for i := range m {
		in.factor[i] = 1 / in.scale[i]
	}
	t.w.Mul(y, in.q, m, in.factor)
}
