package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
)

func TestSoftCap(t *testing.T) { everyImplementation(t, testSoftCap) }

func testSoftCap(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 21))
	for _, n := range kerneltest.Lengths {
		for _, limit := range []float32{0.5, 30, 1e4} {
			x := kerneltest.Spread(r, n)
			if n > 4 {
				x[0], x[1], x[2], x[3] = 0, 1e9, -1e9, float32(math.Inf(-1))
			}
			grad := slices.Repeat([]float32{3}, n)
			whole, got := kerneltest.Guarded(x)
			SoftCap(got, limit)
			SoftCapGrad(grad, got, limit)
			for i, v := range x {
				y := math.Tanh(float64(v) / float64(limit))
				if math.Abs(float64(got[i])-float64(limit)*y) > 0x1p-22*float64(limit) {
					t.Fatalf("%g under %g is %g, want %g", v, limit, got[i], float64(limit)*y)
				}
				if math.Abs(float64(grad[i])-3*(1-y*y)) > 3e-6 {
					t.Fatalf("the derivative at %g under %g is %g, want %g", v, limit, grad[i], 3*(1-y*y))
				}
			}
			if !kerneltest.Intact(whole) {
				t.Errorf("%d values: wrote outside", n)
			}
		}
	}
	nan := []float32{float32(math.NaN())}
	if SoftCap(nan, 30); nan[0] == nan[0] {
		t.Errorf("of what is no number %g was made", nan[0])
	}
}
