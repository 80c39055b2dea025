package infer

import (
	"fmt"
	"sync"
	"unsafe"

	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
	"trit/internal/parallel"
)

// denseMatrix is a weight [n,k] of any type that converts to float32, in the layout of the
// file. It multiplies float32 activations. The product of a token has the same bits alone and
// among others.
type denseMatrix struct {
	typ   gguf.Type
	data  []byte
	n, k  int
	bytes int // of a row
}

func newDense(typ gguf.Type, data []byte, n, k int) *denseMatrix {
	return &denseMatrix{typ, data, n, k, len(data) / n}
}

// newQ6K rounds a matrix of 16 or 32 bits a weight to Q6_K. A matrix of fewer bits is returned
// as it is.
func newQ6K(pool *parallel.Pool, d *denseMatrix) (*denseMatrix, error) {
	if d.typ != gguf.F16 && d.typ != gguf.BF16 && d.typ != gguf.F32 {
		return d, nil
	}
	size, err := gguf.Q6_K.Size([]uint64{uint64(d.k)})
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", HeadQ6K, err)
	}
	q := &denseMatrix{gguf.Q6_K, make([]byte, d.n*int(size)), d.n, d.k, int(size)}
	var once sync.Once
	pool.Chunks(d.n, 64, func(lo, hi int) {
		values := make([]float32, d.k)
		for i := lo; i < hi; i++ {
			d.row(values, i)
			if e := gguf.Quantize(gguf.Q6_K, q.data[i*q.bytes:][:q.bytes], values); e != nil {
				once.Do(func() { err = fmt.Errorf("head %s: row %d: %w", HeadQ6K, i, e) })
				return
			}
		}
	})
	return q, err
}

// conversions are the conversions to float32 for the types that the kernels read.
var conversions = map[gguf.Type]func(dst []float32, src []byte){
	gguf.F32: vector.FloatsF32, gguf.F16: vector.FloatsF16, gguf.BF16: vector.FloatsBF16,
	gguf.Q8_0: vector.FloatsQ80, gguf.Q6_K: vector.FloatsQ6K,
}

// row converts row i to dst, [k].
func (d *denseMatrix) row(dst []float32, i int) {
	src := d.data[i*d.bytes:][:d.bytes]
	if convert, ok := conversions[d.typ]; ok {
		convert(dst[:d.k], src)
		return
	}
	if err := gguf.Dequantize(d.typ, dst, src); err != nil {
		panic("infer: the loader accepted a weight that cannot be read: " + err.Error())
	}
}

// blockRows is the number of rows that are converted together for all tokens: 160 kB at 2560
// columns.
const blockRows = 16

func (d *denseMatrix) mul(pool *parallel.Pool, y []float32, in *activations, m int) {
	x := in.floats(pool, m)
	pool.Chunks(d.n, max(1, 1<<14/d.k), func(lo, hi int) { d.mulRows(y[lo:], d.n, x, m, lo, hi) })
}

// mulRows writes y[t*stride+i-lo] = row i times token t for the rows [lo,hi) and m tokens
// x [m,K].
func (d *denseMatrix) mulRows(y []float32, stride int, x []float32, m, lo, hi int) {
	x = x[:m*d.k]
	if d.direct(y, stride, x, m, lo, hi) {
		return
	}
	buffer := floats.Get().(*[]float32)
	defer floats.Put(buffer)
	*buffer = grow(*buffer, blockRows*d.k)
	for at := lo; at < hi; at += blockRows {
		rows := (*buffer)[:min(blockRows, hi-at)*d.k]
		for i := range len(rows) / d.k {
			d.row(rows[i*d.k:][:d.k], at+i)
		}
		vector.DotRows(y[at-lo:], stride, rows, x, d.k)
	}
}

// direct multiplies the rows [lo,hi) in the layout of the file, without a conversion, if that is
// fastest, and reports whether it did: F16 and Q6_K by one token, and F16 by several tokens if
// the kernel has no tiles of rows.
func (d *denseMatrix) direct(y []float32, stride int, x []float32, m, lo, hi int) bool {
	switch {
	case d.typ == gguf.Q6_K && m == 1:
		vector.DotQ6K(y[:hi-lo], d.data[lo*d.bytes:], x)
	case d.halves(lo, hi) != nil && (m == 1 || !vector.HasRowTiles()):
		for t := range m {
			vector.DotF16Rows(y[t*stride:][:hi-lo], d.halves(lo, hi), x[t*d.k:][:d.k])
		}
	default:
		return false
	}
	return true
}

// dot is row i times x, with the bits of mul. The buffer has k values.
func (d *denseMatrix) dot(buffer []float32, i int, x []float32) float32 {
	if half := d.halves(i, i+1); half != nil {
		return vector.DotF16(half, x)
	}
	d.row(buffer, i)
	return vector.Dot(buffer, x)
}

// halves returns the rows [lo,hi) as half-precision values, without a copy. It returns nil for
// a matrix that is not F16, that is not aligned, or whose rows do not fill vectors of 16 values:
// only if they do, DotF16 has the bits of DotRows.
func (d *denseMatrix) halves(lo, hi int) []uint16 {
	first := unsafe.Pointer(&d.data[lo*d.bytes])
	if d.typ != gguf.F16 || d.k%16 != 0 || uintptr(first)%2 != 0 {
		return nil
	}
	return unsafe.Slice((*uint16)(first), (hi-lo)*d.k)
}
