package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The scale of a group is the mean of its sizes to the nearest number of 11 bits, and a code is the
// whole number next to the weight divided by it, in float64; or its sign.
func TestGroupsByTheirFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	w := make([]float32, 256)
	for i := range w {
		w[i] = float32(r.NormFloat64() * 0.02 * float64(1+i/64))
	}
	w[3], w[130] = 0, float32(math.Copysign(0, -1))
	for _, group := range []int{64, 128, 256, WholeRow} {
		for _, sign := range []bool{false, true} {
			size := GroupSize(group, len(w))
			codes, scales := make([]int8, len(w)), make([]float32, len(w)/size)
			Groups(codes, scales, w, group, sign)
			for g, scale := range scales {
				mean := 0.0
				for _, x := range w[g*size:][:size] {
					mean += math.Abs(float64(x)) / float64(size)
				}
				unit := math.Exp2(math.Floor(math.Log2(mean)) - 10)
				if want := math.RoundToEven(mean/unit) * unit; float64(scale) != want {
					t.Errorf("groups of %d: scale %d is %g, want %g", group, g, scale, want)
				}
				for i, x := range w[g*size:][:size] {
					want := max(-1, min(1, math.RoundToEven(float64(x)/float64(scale))))
					if sign {
						want = 1
						if x < 0 {
							want = -1
						}
					}
					if got := codes[g*size+i]; float64(got) != want {
						t.Errorf("groups of %d: weight %g under scale %g is %d, want %g", group, x, scale, got, want)
					}
				}
			}
		}
	}
}

// A group of zeros has the smallest scale, which half precision can hold, and stays finite.
func TestGroupOfZeros(t *testing.T) {
	codes, scales := make([]int8, 64), make([]float32, 1)
	Groups(codes, scales, make([]float32, 64), 64, false)
	if s := scales[0]; !(s > 0.99e-5 && s < 1.01e-5) || codes[0] != 0 {
		t.Errorf("zeros have scale %g and code %d", s, codes[0])
	}
}
