package infer

import (
	"trit/bitlinear/kernel"
	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/internal/parallel"
)

// ternaryMatrix multiplies int8 activations in int32 and rescales once.
type ternaryMatrix struct {
	w     *kernel.Ternary
	scale float32
}

func (t *ternaryMatrix) mul(y []float32, in *activations, m int) {
	in.quantize(m)
	n := t.w.N
	in.acc = grow(in.acc, m*n)
	t.w.MulInt8(in.acc, in.q, m)
	for i := range m {
		f := quant.Rescale(t.scale, in.scale[i])
		row := y[i*n:][:n]
		for j, v := range in.acc[i*n:][:n] {
			row[j] = float32(v) * f
		}
	}
}

// denseMatrix multiplies float32 activations by weights of any type that converts to
// float32, row by row as they lie in the file.
type denseMatrix struct {
	typ   gguf.Type
	data  []byte
	n, k  int
	bytes int // of a row
}

func newDense(typ gguf.Type, data []byte, n, k int) *denseMatrix {
	return &denseMatrix{typ, data, n, k, len(data) / n}
}

// row converts row i.
func (d *denseMatrix) row(dst []float32, i int) {
	if err := gguf.Dequantize(d.typ, dst, d.data[i*d.bytes:][:d.bytes]); err != nil {
		panic("infer: the loader accepted a weight that cannot be read: " + err.Error())
	}
}

func (d *denseMatrix) mul(y []float32, in *activations, m int) {
	parallel.For(d.n, max(1, 1<<14/d.k), func(lo, hi int) {
		row := make([]float32, d.k)
		for i := lo; i < hi; i++ {
			d.row(row, i)
			for t := range m {
				y[t*d.n+i] = kernel.Dot(row, in.x[t*d.k:][:d.k])
			}
		}
	})
}
