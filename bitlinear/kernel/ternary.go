package kernel

import (
	"fmt"
	"sync"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// A packed matrix is made of blocks of 16 rows, since a register holds 16 sums, and
// groups of 16 columns. The 64 bytes of a group hold four bytes of 2-bit codes a row:
// byte j has the columns j, 4+j, 8+j and 12+j from its low bits up, so that one shift
// and one mask give four columns of all 16 rows in the order that the product reads.
const (
	blockRows = 16
	groupCols = 16
	groupSize = 64
)

// Ternary is a ternary weight matrix [N,K], 2 bits a weight, in the layout of the
// product.
type Ternary struct {
	N, K  int
	codes []byte // [blocks][groups][16 rows][4]
}

// PackTernary packs weights q [n,k] of -1, 0 and +1.
func PackTernary(n, k int, q []int8) (*Ternary, error) {
	if len(q) != n*k {
		return nil, fmt.Errorf("kernel: %d ternary values for a matrix of %d by %d", len(q), n, k)
	}
	w := newTernary(n, k)
	parallel.For(n, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			w.setRow(i, q[i*k:][:k])
		}
	})
	return w, nil
}

// PackI2S packs the I2_S codes of a matrix [n,k], row by row, so that no more than a
// row is ever unpacked.
func PackI2S(n, k int, codes []byte) (*Ternary, error) {
	if len(codes) != n*k/4 || k%128 != 0 {
		return nil, fmt.Errorf("kernel: %d bytes of I2_S for a matrix of %d by %d", len(codes), n, k)
	}
	w := newTernary(n, k)
	var once sync.Once
	var failed error
	parallel.For(n, 16, func(lo, hi int) {
		row := make([]int8, k)
		for i := lo; i < hi; i++ {
			if err := quant.UnpackI2S(row, codes[i*k/4:][:k/4]); err != nil {
				once.Do(func() { failed = err })
				return
			}
			w.setRow(i, row)
		}
	})
	return w, failed
}

func newTernary(n, k int) *Ternary {
	return &Ternary{N: n, K: k, codes: make([]byte, ceil(n, blockRows)*ceil(k, groupCols)*groupSize)}
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

func (w *Ternary) groups() int { return ceil(w.K, groupCols) }

// setRow packs row i. The columns that fill up the last group meet activations of 0.
func (w *Ternary) setRow(i int, q []int8) {
	at := i/blockRows*w.groups()*groupSize + i%blockRows*4
	for ; len(q) >= groupCols; q = q[groupCols:] {
		out := w.codes[at : at+4 : at+4]
		for j := range out {
			out[j] = byte(q[j]+1) | byte(q[4+j]+1)<<2 | byte(q[8+j]+1)<<4 | byte(q[12+j]+1)<<6
		}
		at += groupSize
	}
	for c, v := range q {
		w.codes[at+c%4] |= byte(v+1) << (c / 4 * 2)
	}
}

// MulInt8 computes dst[m,N] = x[m,K] times the transposed weights, in int32, equal
// to quant.Dot to the bit.
func (w *Ternary) MulInt8(dst []int32, x []int8, m int) {
	w.product(x, m, func(row, token int, sums []int32) { copy(dst[token*w.N+row:], sums) })
}

// Mul is MulInt8 rescaled: dst[t,n] = float32(sum)*factor[t].
func (w *Ternary) Mul(dst []float32, x []int8, m int, factor []float32) {
	w.product(x, m, func(row, token int, sums []int32) {
		Rescale(dst[token*w.N+row:], sums, factor[token])
	})
}

func (w *Ternary) product(x []int8, m int, emit func(row, token int, sums []int32)) {
	mulTiles(product{w.N, w.K, w.codes, groupSize, 1, ternaryTiles, emit}, x, m)
}
