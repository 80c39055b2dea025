package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
)

// TestNormGradients compares with the formulas in float64.
func TestNormGradients(t *testing.T) { everyImplementation(t, testNormGradients) }

func testNormGradients(t *testing.T) {
	const inverse, f = 0.37, 0.2
	r := rand.New(rand.NewPCG(19, 19))
	for _, n := range kerneltest.Lengths {
		g, x, w, before := kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n)
		check := func(name string, got float32, want, size float64) {
			if math.Abs(float64(got)-want) > 1e-5*(1+size) {
				t.Fatalf("%s of %d: %g, want %g", name, n, got, want)
			}
		}
		wholeSums, sums := kerneltest.Guarded(before)
		total := NormSums(sums, g, x, w, inverse)
		wholeGrad, grad := kerneltest.Guarded(make([]float32, n))
		NormGrad(grad, g, x, w, inverse, f)
		wholeAdded, added := kerneltest.Guarded(before)
		AddNormGrad(added, g, x, w, inverse, f)
		want, size := 0.0, 0.0
		for i := range n {
			g, x, w, before := float64(g[i]), float64(x[i]), float64(w[i]), float64(before[i])
			want, size = want+x*g*inverse*w, size+math.Abs(x*g*inverse*w)
			check("NormSums of the weight", sums[i], before+x*g*inverse, math.Abs(x*g))
			check("NormGrad", grad[i], w*g*inverse-x*f, math.Abs(w*g)+math.Abs(x))
			check("AddNormGrad", added[i], before+w*g*inverse-x*f, math.Abs(w*g)+math.Abs(x))
		}
		check("NormSums", total, want, size)
		if !kerneltest.Intact(wholeSums) || !kerneltest.Intact(wholeGrad) || !kerneltest.Intact(wholeAdded) {
			t.Errorf("%d values: wrote outside", n)
		}
		if NormGrad(g, g, x, w, inverse, f); !slices.Equal(g, grad) {
			t.Errorf("NormGrad of %d differs in place", n)
		}
	}
}
