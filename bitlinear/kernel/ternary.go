package kernel

import (
	"fmt"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Ternary is a ternary weight matrix [N,K] in the layout of the product.
type Ternary struct {
	N, K   int
	values []int8 // [N,K]
}

// PackTernary takes over weights q [n,k] of -1, 0 and +1.
func PackTernary(n, k int, q []int8) (*Ternary, error) {
	if len(q) != n*k {
		return nil, fmt.Errorf("kernel: %d ternary values for a matrix of %d by %d", len(q), n, k)
	}
	return &Ternary{N: n, K: k, values: q}, nil
}

// PackI2S takes over the I2_S codes of a matrix [n,k].
func PackI2S(n, k int, codes []byte) (*Ternary, error) {
	q := make([]int8, n*k)
	if err := quant.UnpackI2S(q, codes); err != nil {
		return nil, err
	}
	return PackTernary(n, k, q)
}

// MulInt8 computes dst[m,N] = x[m,K] times the transposed weights, in int32, equal
// to quant.Dot to the bit.
func (w *Ternary) MulInt8(dst []int32, x []int8, m int) {
	parallel.For(w.N, max(1, 1<<15/max(w.K*m, 1)), func(lo, hi int) {
		for n := lo; n < hi; n++ {
			row := w.values[n*w.K:][:w.K]
			for t := range m {
				dst[t*w.N+n] = dotInt8(x[t*w.K:][:w.K], row)
			}
		}
	})
}

// dotInt8 is quant.Dot with four sums, which lets the processor overlap them.
func dotInt8(x, w []int8) int32 {
	var s0, s1, s2, s3 int32
	w = w[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += int32(x[i]) * int32(w[i])
		s1 += int32(x[i+1]) * int32(w[i+1])
		s2 += int32(x[i+2]) * int32(w[i+2])
		s3 += int32(x[i+3]) * int32(w[i+3])
	}
	for ; i < len(x); i++ {
		s0 += int32(x[i]) * int32(w[i])
	}
	return s0 + s1 + s2 + s3
}
