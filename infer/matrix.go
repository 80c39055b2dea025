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
	mulAll(in, m, output{w: t, y: y})
}

// output is a weight and the memory for the product with it.
type output struct {
	w    matrix
	y    []float32 // [m,N]
	norm []float32 // norm of the input for this weight alone, [K]; nil: none
}

// mulAll multiplies m rows of an input by several weights: the ternary ones in one loop.
func mulAll(in *activations, m int, list ...output) {
	var together []kernel.Output
	for _, o := range list {
		t, ok := o.w.(*ternaryMatrix)
		if !ok {
			o.w.mul(o.y, in, m)
			continue
		}
		in.quantize(m)
		factor := in.factors(len(together), m)
		for i := range m {
			factor[i] = quant.Rescale(t.scale, in.scale[i])
		}
		together = append(together, kernel.Output{W: t.w, Dst: o.y, Factor: factor})
	}
	if len(together) > 0 {
		kernel.MulTernary(in.q, m, together...)
	}
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
	factor := in.factors(0, m)
	for i := range m {
		factor[i] = 1 / in.scale[i]
	}
	t.w.Mul(y, in.q, m, factor)
}
