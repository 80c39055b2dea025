package intmul

import (
	"fmt"
	"math"

	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Int8 is a dense weight matrix [N,K] of int8 values with a scale for each row, in the
// layout of the product: as Ternary, with a byte a weight, biased by 128 because the
// instruction wants the weights unsigned.
type Int8 struct {
	N, K   int
	Scales []float32 // weight = value * scale
	bytes  []byte    // [blocks][groups][4][16 rows][4]
}

const int8Bias = 128

// NewInt8 quantises the n rows of k values that row gives; it is called on several threads.
func NewInt8(pool *parallel.Pool, n, k int, row func(dst []float32, i int)) (*Int8, error) {
	if n < 1 || k < 1 {
		return nil, fmt.Errorf("intmul: an int8 matrix of %d by %d", n, k)
	}
	groups := ceil(k, groupCols)
	w := &Int8{N: n, K: k, Scales: make([]float32, n)}
	w.bytes = memory.Allocate(ceil(n, blockRows) * groups * 4 * lineBytes)
	pool.For(n, 64, func(lo, hi int) {
		values := make([]float32, k)
		for i := lo; i < hi; i++ {
			row(values, i)
			w.setRow(i, groups, values)
		}
	})
	return w, nil
}

// Bytes is the memory of the weights.
func (w *Int8) Bytes() int { return len(w.bytes) }

func (w *Int8) setRow(i, groups int, values []float32) {
	top := vector.AbsMax(values)
	w.Scales[i] = top / 127
	inverse := float32(0)
	if top > 0 {
		inverse = 127 / top
	}
	block := w.bytes[i/blockRows*groups*4*lineBytes:]
	for c, v := range values {
		q := math.RoundToEven(float64(max(-127, min(127, v*inverse))))
		block[c/4*lineBytes+i%blockRows*4+c%4] = byte(int(q) + int8Bias)
	}
}

// Mul computes dst [m,N] for x [m,K]: dst[t,n] = float32(sum)*factor[t]*Scales[n], with the sum of
// the values of row n times x[t].
func (w *Int8) Mul(pool *parallel.Pool, dst []float32, x []int8, m int, factor []float32) {
	multiply(pool, w.product(&chosen, func(s sums) {
		s.rescaleTo(dst, w.N, factor)
		for t := s.first; t < s.first+s.tokens; t++ {
			out := dst[t*w.N+s.row:][:s.rows]
			vector.ScaledProduct(out, w.Scales[s.row:][:s.rows], out, 1)
		}
	}), x, m)
}

// product is the description of w for multiply, on an implementation.
func (w *Int8) product(on *implementation, emit func(s sums)) product {
	return product{
		on: on, n: w.N, k: w.K, unit: groupCols, weights: w.bytes, blockBytes: ceil(w.K, groupCols) * 4 * lineBytes,
		bias: int8Bias, tiles: on.int8, bytes: on.int8Bytes, emit: emit,
	}
}
