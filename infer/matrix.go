package infer

import (
	"unsafe"

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
	x := in.floats(m)
	parallel.Chunks(d.n, max(1, 1<<14/d.k), func(lo, hi int) {
		buffer := make([]float32, d.k)
		for i := lo; i < hi; i++ {
			for t := range m {
				y[t*d.n+i] = d.dot(buffer, i, x[t*d.k:][:d.k])
			}
		}
	})
}

// dot is row i times x; halves are read where they lie. The buffer is of K values.
func (d *denseMatrix) dot(buffer []float32, i int, x []float32) float32 {
	if half := d.halves(i); half != nil {
		return kernel.DotF16(half, x)
	}
	d.row(buffer, i)
	return kernel.Dot(buffer, x)
}

// halves is row i of an F16 matrix, nil of another.
func (d *denseMatrix) halves(i int) []uint16 {
	first := unsafe.Pointer(&d.data[i*d.bytes])
	if d.typ != gguf.F16 || uintptr(first)%2 != 0 {
		return nil
	}
	return unsafe.Slice((*uint16)(first), d.k)
}
