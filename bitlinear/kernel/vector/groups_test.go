package vector

import (
	"math"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/quant"
)

// The values are the codes of quant.Groups times their scales, at the borders between codes too.
func TestGroupValuesAreCodesTimesScales(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, k := range []int{64, 128, 192, 384} {
		for _, group := range []int{64, quant.WholeRow} {
			for _, sign := range []bool{false, true} {
				w, size := make([]float32, k), quant.GroupSize(group, k)
				for i := range w {
					w[i] = float32(r.NormFloat64())
				}
				w[0], w[1], w[2] = 0, float32(math.Copysign(0, -1)), 1e-42
				for i := 3; i < 20; i += 2 { // halves of what will about be the scale
					w[i], w[i+1] = 0.4, -0.4
				}
				codes, scales, got := make([]int8, k), make([]float32, k/size), make([]float32, k)
				quant.Groups(codes, scales, w, group, sign)
				GroupValues(got, w, group, sign)
				for i, c := range codes {
					if want := scales[i/size] * float32(c); got[i] != want {
						t.Fatalf("%d of %d in groups of %d, sign %v: %g becomes %g, want %g", i, k, group, sign, w[i], got[i], want)
					}
				}
			}
		}
	}
	exact := []float32{0.5, -0.5, 1.5, -1.5, 1, -1, 0.50000006, -0.50000006} // absmean is below 1
	got := make([]float32, len(exact))
	for i, want := range []float32{0, 0, 1, -1, 1, -1, 1, -1} {
		if ScaledCodes(got, exact, 1, false); got[i] != want {
			t.Errorf("%g under scale 1 is %g, want %g", exact[i], got[i], want)
		}
	}
}
