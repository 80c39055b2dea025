package intmul

import (
	"encoding/binary"
	"fmt"

	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Int4 is a dense weight matrix [N,K] of 4-bit codes with a step for each row and a
// dither for each column, in the layout of the product: as Ternary, but 8 columns of 16
// rows in 64 bytes.
//
// The code of a weight is the floor of w/step + 8 + dither. With a dither drawn evenly
// from [-1/2, 1/2), weight = step*(code - 7.5 - dither) + e, where e is spread evenly
// over [-step/2, step/2) whatever the weight is, and independently for each column
// (subtractive dither: Schuchman, 1964). That makes errors of sums easy to bound.
type Int4 struct {
	N, K   int
	Steps  []float32
	Dither []float32
	codes  []byte // [blocks][groups][2][16 rows][4]
}

// NewInt4 quantises the n rows of k values that row gives; it is called on several threads.
func NewInt4(pool *parallel.Pool, n, k int, dither []float32, row func(dst []float32, i int)) (*Int4, error) {
	if n < 1 || k < 1 || len(dither) != k {
		return nil, fmt.Errorf("intmul: a 4-bit matrix of %d by %d with %d dithers", n, k, len(dither))
	}
	w := &Int4{N: n, K: k, Steps: make([]float32, n), Dither: dither}
	w.codes = memory.Allocate(ceil(n, blockRows) * w.blockBytes())
	pool.For(n, 64, func(lo, hi int) {
		values, codes := make([]float32, k), make([]byte, ceil(k, 8)*8)
		for i := lo; i < hi; i++ {
			row(values, i)
			w.setRow(i, values, codes)
		}
	})
	return w, nil
}

func (w *Int4) blockBytes() int { return ceil(w.K, groupCols) * 2 * lineBytes }

// Bytes is the memory of the codes.
func (w *Int4) Bytes() int { return len(w.codes) }

func (w *Int4) setRow(i int, values []float32, codes []byte) {
	w.Steps[i] = vector.AbsMax(values) / 7
	if w.Steps[i] == 0 {
		return // every product is multiplied by 0
	}
	int4Codes(codes, values, w.Dither, 1/w.Steps[i])
	row := w.codes[i/blockRows*w.blockBytes()+i%blockRows*4:]
	for at := 0; len(codes) >= 8; at += lineBytes {
		low, high := binary.LittleEndian.Uint32(codes), binary.LittleEndian.Uint32(codes[4:])
		binary.LittleEndian.PutUint32(row[at:], low|high<<4)
		codes = codes[8:]
	}
}

// int4Codes writes min(15, max(0, int(values[i]*inverse+8+dither[i]))).
func int4Codes(dst []byte, values, dither []float32, inverse float32) {
	n := lanes(chosen.int4Codes != nil, len(values))
	if n > 0 {
		_, _ = dst[n-1], dither[n-1]
		chosen.int4Codes(n, &dst[0], &values[0], &dither[0], inverse)
	}
	for i := n; i < len(values); i++ {
		dst[i] = byte(min(15, max(0, int32(values[i]*inverse+8+dither[i]))))
	}
}

// MulInt8 computes the sums of code times x for each of m rows of x [m,K]. It calls emit with
// pieces of them: the sums of some rows of weights, from row on, for one token. emit is called on
// the threads of the pool and must not keep sums.
func (w *Int4) MulInt8(pool *parallel.Pool, x []int8, m int, emit func(row, token int, sums []int32)) {
	multiply(pool, w.product(&chosen, func(s sums) {
		for t := range s.tokens {
			emit(s.row, s.first+t, s.ofToken(t))
		}
	}), x, m)
}

// product is the description of w for multiply, on an implementation.
func (w *Int4) product(on *implementation, emit func(s sums)) product {
	return product{
		on: on, n: w.N, k: w.K, unit: groupCols, weights: w.codes, blockBytes: w.blockBytes(),
		tiles: on.int4, bytes: on.int4Bytes, emit: emit,
	}
}
