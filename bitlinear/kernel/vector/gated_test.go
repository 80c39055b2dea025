package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
)

// TestGradientsHaveTheBitsOfGo compares the implementations.
func TestGradientsHaveTheBitsOfGo(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 17))
		type grad func(dGate, dUp, gate, up, grad []float32)
		for name, c := range map[string][2]grad{
			"ReLU2Grad": {ReLU2Grad, relu2GradGeneric}, "SiLUGrad": {SiLUGrad, siluGradGeneric},
		} {
			for _, n := range kerneltest.Lengths {
				gate, up, d := kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n)
				wantGate, wantUp := make([]float32, n), make([]float32, n)
				c[1](wantGate, wantUp, gate, up, d)
				c[0](gate, up, gate, up, d)
				if !slices.Equal(gate, wantGate) || !slices.Equal(up, wantUp) {
					t.Errorf("%s of %d: %v and %v, want %v and %v", name, n, gate, up, wantGate, wantUp)
				}
			}
		}
	})
}

// TestGradients compares with the formulas in float64.
func TestGradients(t *testing.T) { everyImplementation(t, testGradients) }

func testGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	for name, c := range map[string]struct {
		fast  func(dGate, dUp, gate, up, grad []float32)
		exact func(g, u, d float64) (dGate, dUp float64)
	}{
		"ReLU2Grad": {ReLU2Grad, func(g, u, d float64) (float64, float64) {
			return 2 * max(g, 0) * u * d, max(g, 0) * max(g, 0) * d
		}},
		"SiLUGrad": {SiLUGrad, func(g, u, d float64) (float64, float64) {
			s := 1 / (1 + math.Exp(-g))
			return s * (1 + g*(1-s)) * u * d, g * s * d
		}},
	} {
		for _, n := range kerneltest.Lengths {
			gate, up, grad := kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n)
			wholeGate, dGate := kerneltest.Guarded(make([]float32, n))
			wholeUp, dUp := kerneltest.Guarded(make([]float32, n))
			c.fast(dGate, dUp, gate, up, grad)
			for i := range n {
				wantGate, wantUp := c.exact(float64(gate[i]), float64(up[i]), float64(grad[i]))
				off := func(got float32, want float64) bool { return math.Abs(float64(got)-want) > 2e-6*(1+math.Abs(want)) }
				if off(dGate[i], wantGate) || off(dUp[i], wantUp) {
					t.Fatalf("%s(%g, %g, %g) is %g and %g, want %g and %g",
						name, gate[i], up[i], grad[i], dGate[i], dUp[i], wantGate, wantUp)
				}
			}
			if !kerneltest.Intact(wholeGate) || !kerneltest.Intact(wholeUp) {
				t.Errorf("%s of %d wrote outside", name, n)
			}
			c.fast(gate, up, gate, up, grad)
			if !slices.Equal(gate, dGate) || !slices.Equal(up, dUp) {
				t.Errorf("%s of %d differs in place", name, n)
			}
		}
	}
}
