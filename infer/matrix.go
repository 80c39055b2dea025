package infer

import (
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// ternaryMatrix is a ternary weight: codes and a scale. Products with int8 activations are
// summed in int32 and rescaled once.
type ternaryMatrix struct {
	w     *intmul.Ternary
	scale float32
}

func (t *ternaryMatrix) mul(pool *parallel.Pool, y []float32, in *activations, m int) {
	mulAll(pool, in, m, output{w: t, y: y})
}

// output is a weight and the memory for the product with it.
type output struct {
	w    matrix
	y    []float32 // [m,N]
	norm []float32 // norm of the input for this weight alone, [K]; nil: none
}

// mulAll multiplies m rows of an input by several weights; the ternary ones together in one
// loop over the rows.
func mulAll(pool *parallel.Pool, in *activations, m int, list ...output) {
	var together []intmul.Output
	for _, o := range list {
		t, ok := o.w.(*ternaryMatrix)
		if !ok {
			o.w.mul(pool, o.y, in, m)
			continue
		}
		in.quantize(pool, m)
		factor := in.factors(len(together), m)
		for i := range m {
			factor[i] = quant.Rescale(t.scale, in.scale[i])
		}
		together = append(together, intmul.Output{W: t.w, Dst: o.y, Factor: factor})
	}
	if len(together) > 0 {
		intmul.MulTernary(pool, in.q, m, together...)
	}
}

// int8Matrix is a weight rounded to int8, with a scale for each row.
type int8Matrix struct{ w *intmul.Int8 }

// newInt8 rounds d to int8.
func newInt8(pool *parallel.Pool, d *denseMatrix) (*int8Matrix, error) {
	w, err := intmul.NewInt8(pool, d.n, d.k, d.row)
	return &int8Matrix{w}, err
}

func (t *int8Matrix) mul(pool *parallel.Pool, y []float32, in *activations, m int) {
	in.quantize(pool, m)
	factor := in.factors(0, m)
	for i := range m {
		factor[i] = 1 / in.scale[i]
	}
	t.w.Mul(pool, y, in.q, m, factor)
}
