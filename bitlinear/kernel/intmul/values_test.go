package intmul

import (
	"math/rand/v2"
	"testing"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Values gives what PackMasters packed, from any group of columns on, to any length.
func TestValues(t *testing.T) {
	const n, k = 37, 75
	r := rand.New(rand.NewPCG(3, 1))
	masters := make([]float32, n*k)
	for i := range masters {
		masters[i] = float32(r.NormFloat64())
	}
	w := NewTernary(n, k)
	w.PackMasters(parallel.New(2), masters, quant.ToNearest(0.9))
	for row := range n {
		for col := 0; col < k; col += groupCols {
			for _, length := range []int{1, 15, 16, 17, 33, k - col} {
				got := make([]float32, min(length, k-col))
				w.Values(got, row, col)
				for i, v := range got {
					if want := float32(quant.Ternary(masters[row*k+col+i], 0.9)); v != want {
						t.Fatalf("row %d, column %d is %g, want %g", row, col+i, v, want)
					}
				}
			}
		}
	}
}
