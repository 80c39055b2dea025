package vector

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// Into is the sum over all values of a block, and OutOf undoes it, with heads that change places and without.
func TestBasis(t *testing.T) {
	const block, n = 32, 96
	r := rand.New(rand.NewPCG(5, 1))
	x, signs := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], signs[i] = float32(r.NormFloat64()), float32(2*r.IntN(2)-1)
	}
	for _, b := range []*Basis{{signs, block, [2]int{}}, {nil, block, [2]int{}}, {signs, block, [2]int{3, 4}}} {
		s, heads := b.Signs, b.Swapped
		got, from := append([]float32{}, x...), append([]float32{}, x...)
		for i := range heads[0] { // head i of heads[0], j of heads[1], of n/12 values
			for j := range heads[1] {
				copy(from[(j*heads[0]+i)*n/12:], x[(i*heads[1]+j)*n/12:][:n/12])
			}
		}
		b.Into(got)
		for i := range got {
			want := 0.0
			for j := range block {
				v := float64(from[i/block*block+j])
				if s != nil {
					v *= float64(s[i/block*block+j])
				}
				want += v * float64(1-2*(bits.OnesCount(uint(i%block&j))&1))
			}
			if want /= math.Sqrt(block); math.Abs(float64(got[i])-want) > 1e-5 {
				t.Fatalf("value %d is %g, want %g", i, got[i], want)
			}
		}
		b.OutOf(got)
		for i := range got {
			if math.Abs(float64(got[i]-x[i])) > 1e-5 {
				t.Fatalf("value %d comes back as %g, want %g", i, got[i], x[i])
			}
		}
	}
}
