package ggufmeta

import (
	"math"
	"math/rand/v2"
	"testing"

	"trit/internal/float16"
)

// TestSplitScale wants the product of both parts to be the scale, to the last bit.
func TestSplitScale(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	check := func(scale float32) {
		t.Helper()
		half, factor := SplitScale(scale)
		if got := float16.FromBits(half) * factor; got != scale || factor > 1 || factor <= 0 {
			t.Errorf("%.9g: %.9g times %.9g is %.9g", scale, float16.FromBits(half), factor, got)
		}
	}
	for range 200000 {
		check(float32(math.Exp(math.Log(6e-5) + r.Float64()*math.Log(60000/6e-5))))
	}
	for bits := uint16(1); bits < 0x7c00; bits++ {
		scale := float16.FromBits(bits)
		if half, factor := SplitScale(scale); half != bits || factor != 1 {
			t.Fatalf("%g, which half precision holds: %#x and %g", scale, half, factor)
		}
	}
	for _, scale := range []float32{1e-5, 1e-7, 65503.5, 1} {
		check(scale)
	}
}
