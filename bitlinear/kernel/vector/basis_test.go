package vector

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// IntoBasis is the sum over all values of a block, and OutOfBasis undoes it.
func TestBasis(t *testing.T) {
	const block, n = 32, 96
	r := rand.New(rand.NewPCG(5, 1))
	x, signs := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], signs[i] = float32(r.NormFloat64()), float32(2*r.IntN(2)-1)
	}
	for _, s := range [][]float32{signs, nil} {
		got := append([]float32{}, x...)
		IntoBasis(got, s, block)
		for i := range got {
			want := 0.0
			for j := range block {
				v := float64(x[i/block*block+j])
				if s != nil {
					v *= float64(s[i/block*block+j])
				}
				want += v * float64(1-2*(bits.OnesCount(uint(i%block&j))&1))
			}
			if want /= math.Sqrt(block); math.Abs(float64(got[i])-want) > 1e-5 {
				t.Fatalf("value %d is %g, want %g", i, got[i], want)
			}
		}
		OutOfBasis(got, s, block)
		for i := range got {
			if math.Abs(float64(got[i]-x[i])) > 1e-5 {
				t.Fatalf("value %d comes back as %g, want %g", i, got[i], x[i])
			}
		}
	}
}
