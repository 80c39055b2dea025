package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
)

func TestDeadzone(t *testing.T) { everyImplementation(t, testDeadzone) }

func testDeadzone(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 20))
	for _, n := range kerneltest.Lengths {
		w, x := kerneltest.Spread(r, n), kerneltest.Spread(r, n)
		for i := range min(n, 40) {
			w[i] = float32(i-20) / 4 // half of a scale of 3, and values beside it
		}
		rounding, codes := quant.ToNearest(1/float32(3)), make([]int8, n)
		want, sum, size := slices.Clone(x), 0.0, 1.0
		for i, v := range w {
			if codes[i] = rounding.Ternary(v); codes[i] == 0 {
				want[i] += 0.37
				sum += float64(v)
				size += math.Abs(float64(v))
			}
		}
		if got := float64(DeadSum(w, rounding)); math.Abs(got-sum) > 1e-6*size {
			t.Errorf("the dead of %d add up to %g, want %g", n, got, sum)
		}
		whole, got := kerneltest.Guarded(x)
		DeadAdd(0.37, got, w, rounding)
		if !slices.Equal(got, want) {
			t.Errorf("%d values: %v, want %v", n, got, want)
		}
		if !kerneltest.Intact(whole) {
			t.Errorf("%d values: wrote outside", n)
		}
	}
}
