package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAdamW compares a few steps with the formulas in float64.
func TestAdamW(t *testing.T) { everyVectorSet(t, testAdamW) }

func testAdamW(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 14))
	for _, n := range lengths {
		grad := spread(r, n)
		wholes, slices := [3][]float32{}, [3][]float32{}
		exact := [3][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
		wholes[0], slices[0] = offset(spread(r, n))
		for i := 1; i < 3; i++ {
			wholes[i], slices[i] = offset(make([]float32, n))
		}
		for i, v := range slices[0] {
			exact[0][i] = float64(v)
		}
		for step := 1; step <= 3; step++ {
			NewAdamW(0.9, 0.95, 1e-8, step, 0.01, 0.1, 0.5).Update(slices[0], slices[1], slices[2], grad)
			exactAdamW(step, exact, grad)
			for j, tolerance := range []float64{2e-6, 1e-6, 1e-6} {
				for i, got := range slices[j] {
					if want := exact[j][i]; math.Abs(float64(got)-want) > tolerance*(1+math.Abs(want)) {
						t.Fatalf("%d values, step %d: slice %d has %g at %d, want %g", n, step, j, got, i, want)
					}
				}
			}
		}
		for j, w := range wholes {
			if w[2] != 12345 || w[n+3] != 12345 {
				t.Errorf("%d values: wrote outside of slice %d", n, j)
			}
		}
	}
}

// exactAdamW is step t with betas 0.9 and 0.95, rate 0.01, decay 0.1 and half the gradient,
// as the paper has it; x are values and moments.
func exactAdamW(t int, x [3][]float64, grad []float32) {
	for i, g := range grad {
		g := float64(g) / 2
		m, v := 0.9*x[1][i]+0.1*g, 0.95*x[2][i]+0.05*g*g
		meanHat, squareHat := m/(1-math.Pow(0.9, float64(t))), v/(1-math.Pow(0.95, float64(t)))
		x[0][i] -= 0.01 * (meanHat/(math.Sqrt(squareHat)+1e-8) + 0.1*x[0][i])
		x[1][i], x[2][i] = m, v
	}
}

// TestAdamWHasTheBitsOfGo, so that a run goes on the same on another machine.
func TestAdamWHasTheBitsOfGo(t *testing.T) { everyVectorSet(t, testAdamWBits) }

func testAdamWBits(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	s := NewAdamW(0.9, 0.95, 1e-8, 3, 0.01, 0.1, 0.37)
	for _, n := range lengths {
		value, m, v, grad := spread(r, n), spread(r, n), spread(r, n), spread(r, n)
		for i := range v {
			v[i] *= v[i]
		}
		wantValue, wantM, wantV := append([]float32{}, value...), append([]float32{}, m...), append([]float32{}, v...)
		s.adamWGeneric(wantValue, wantM, wantV, grad)
		s.Update(value, m, v, grad)
		for i := range n {
			if value[i] != wantValue[i] || m[i] != wantM[i] || v[i] != wantV[i] {
				t.Fatalf("%d values: element %d is %g, %g, %g, want %g, %g, %g", n, i, value[i], m[i], v[i], wantValue[i], wantM[i], wantV[i])
			}
		}
	}
}

func TestSumSquares(t *testing.T) { everyVectorSet(t, testSumSquares) }

func testSumSquares(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 16))
	for _, n := range lengths {
		x, want := spread(r, n), 0.0
		for _, v := range x {
			want += float64(v) * float64(v)
		}
		if got := SumSquares(x); math.Abs(got-want) > 1e-13*want {
			t.Errorf("SumSquares of %d is %.17g, want %.17g", n, got, want)
		}
	}
}
