package infer

import (
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/vector"
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
// loop over the rows, and those with a scale a group.
func mulAll(pool *parallel.Pool, in *activations, m int, list ...output) {
	var ternary []intmul.Output
	var grouped []intmul.GroupedOutput
	for _, o := range list {
		switch w := unbiased(o.w).(type) {
		case *ternaryMatrix:
			in.quantize(pool, m)
			factor := in.factors(len(ternary), m)
			for i := range m {
				factor[i] = quant.Rescale(w.scale, in.scale[i])
			}
			ternary = append(ternary, intmul.Output{W: w.w, Dst: o.y, Factor: factor})
		case *groupedMatrix:
			in.quantizeGroups(pool, m)
			grouped = append(grouped, intmul.GroupedOutput{W: w.w, Dst: o.y})
		default:
			w.mul(pool, o.y, in, m)
		}
	}
	if len(ternary) > 0 {
		intmul.MulTernary(pool, in.q, m, ternary...)
	}
	if len(grouped) > 0 {
		intmul.MulGrouped(pool, in.groups, in.groupFactor, m, grouped...)
	}
	for _, o := range list {
		if b, ok := o.w.(*biasedMatrix); ok {
			b.add(pool, o.y, m)
		}
	}
}

// biasedMatrix is a weight with a bias [N] behind its products.
type biasedMatrix struct {
	matrix
	bias []float32
}

// unbiased is the weight without its bias.
func unbiased(w matrix) matrix {
	if b, ok := w.(*biasedMatrix); ok {
		return b.matrix
	}
	return w
}

func (b *biasedMatrix) mul(pool *parallel.Pool, y []float32, in *activations, m int) {
	mulAll(pool, in, m, output{w: b, y: y})
}

// add adds the bias to m products.
func (b *biasedMatrix) add(pool *parallel.Pool, y []float32, m int) {
	n := len(b.bias)
	rows(pool, m, n, func(t int) { vector.Axpy(1, b.bias, y[t*n:][:n]) })
}

// groupedMatrix is a weight of one or two bits with a scale for each group of a row. Its products
// take int8 activations with a scale for each quant.ActivationGroup of them. Models of this kind
// were trained with activations of full precision; see Activations.
type groupedMatrix struct{ w *intmul.Grouped }

func (g *groupedMatrix) mul(pool *parallel.Pool, y []float32, in *activations, m int) {
	mulAll(pool, in, m, output{w: g, y: y})
}

func (g *groupedMatrix) row(dst []float32, i int) { g.w.Row(dst, i) }

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
