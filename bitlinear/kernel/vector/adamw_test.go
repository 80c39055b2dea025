package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/float16"
)

// TestAdamW compares a few steps with the formulas in float64.
func TestAdamW(t *testing.T) { everyImplementation(t, testAdamW) }

func testAdamW(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 14))
	for _, n := range kerneltest.Lengths {
		grad := kerneltest.Spread(r, n)
		var wholes, parts [3][]float32
		exact := [3][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
		wholes[0], parts[0] = kerneltest.Guarded(kerneltest.Spread(r, n))
		for i := 1; i < 3; i++ {
			wholes[i], parts[i] = kerneltest.Guarded(make([]float32, n))
		}
		for i, v := range parts[0] {
			exact[0][i] = float64(v)
		}
		for step := 1; step <= 3; step++ {
			NewAdamW(0.9, 0.95, 1e-8, step, 0.01, 0.1, 0.5).Update(parts[0], parts[1], parts[2], grad)
			exactAdamW(step, exact, grad)
			for j, tolerance := range []float64{2e-6, 1e-6, 1e-6} {
				for i, got := range parts[j] {
					if want := exact[j][i]; math.Abs(float64(got)-want) > tolerance*(1+math.Abs(want)) {
						t.Fatalf("%d values, step %d: slice %d has %g at %d, want %g", n, step, j, got, i, want)
					}
				}
			}
		}
		for j, w := range wholes {
			if !kerneltest.Intact(w) {
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
func TestAdamWHasTheBitsOfGo(t *testing.T) { everyImplementation(t, testAdamWBits) }

func testAdamWBits(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	s := NewAdamW(0.9, 0.95, 1e-8, 3, 0.01, 0.1, 0.37)
	for _, n := range kerneltest.Lengths {
		value, m := kerneltest.Spread(r, n), kerneltest.Spread(r, n)
		v, grad := kerneltest.Spread(r, n), kerneltest.Spread(r, n)
		for i := range v {
			v[i] *= v[i]
		}
		wantValue, wantM, wantV := slices.Clone(value), slices.Clone(m), slices.Clone(v)
		s.adamWGeneric(wantValue, wantM, wantV, grad)
		s.Update(value, m, v, grad)
		for i := range n {
			if value[i] != wantValue[i] || m[i] != wantM[i] || v[i] != wantV[i] {
				t.Fatalf("%d values: element %d is %g, %g, %g, want %g, %g, %g",
					n, i, value[i], m[i], v[i], wantValue[i], wantM[i], wantV[i])
			}
		}
	}
}

// TestAdamWBF16HasTheBitsOfGo, wherever a range begins.
func TestAdamWBF16HasTheBitsOfGo(t *testing.T) { everyImplementation(t, testAdamWBF16Bits) }

func testAdamWBF16Bits(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	s := NewAdamW(0.9, 0.95, 1e-8, 3, 0.01, 0.1, 0.37)
	const first, key = 1<<32 - 100, 0x12345678 // numbers wrap around
	for _, n := range kerneltest.Lengths {
		grad, m, v := kerneltest.Spread(r, n), make([]uint16, n+2), make([]uint16, n+2)
		for i := range m {
			m[i], v[i] = float16.BBits(float32(r.NormFloat64())), float16.BBits(r.Float32())
		}
		whole, value := kerneltest.Guarded(kerneltest.Spread(r, n))
		wantValue, wantM, wantV := slices.Clone(value), slices.Clone(m), slices.Clone(v)
		for i, g := range grad { // one by one
			s.adamWBF16Generic(wantValue[i:i+1], wantM[i+1:i+2], wantV[i+1:i+2], []float32{g}, uint32(first+i), key)
		}
		cut := n / 3
		s.UpdateBF16(value[:cut], m[1:], v[1:], grad[:cut], first, key)
		s.UpdateBF16(value[cut:], m[1+cut:], v[1+cut:], grad[cut:], first+cut, key)
		if !slices.Equal(value, wantValue) || !slices.Equal(m, wantM) || !slices.Equal(v, wantV) {
			t.Fatalf("%d values: %v, %v, %v, want %v, %v, %v", n, value, m, v, wantValue, wantM, wantV)
		}
		if !kerneltest.Intact(whole) {
			t.Errorf("%d values: wrote outside", n)
		}
	}
}

// TestRoundingIsUnbiased: the mean of n roundings, over elements and over keys, is off by no
// more than four standard deviations, and the two moments are rounded independently.
func TestRoundingIsUnbiased(t *testing.T) {
	const n = 1 << 16
	for _, share := range []float64{0, 1. / 65536, 0.1, 0.5, 0.9} {
		x := math.Float32frombits(0x3f800000 + uint32(share*65536)) // between 1 and 1+1/128
		for name, random := range map[string]func(i int) uint32{
			"elements": func(i int) uint32 { return mix32(0x2545f491 ^ uint32(i)) },
			"keys":     func(i int) uint32 { return mix32(mix32(uint32(i)) ^ 77) },
		} {
			var low, high, both float64
			for i := range n {
				h := random(i)
				a, b := float64(roundBF16(x, h&0xffff)-0x3f80), float64(roundBF16(x, h>>16)-0x3f80)
				low, high, both = low+a, high+b, both+(a-share)*(b-share)
			}
			variance := share * (1 - share)
			bound := 4*math.Sqrt(n*variance) + 1e-9
			if math.Abs(low-n*share) > bound || math.Abs(high-n*share) > bound || math.Abs(both) > 4*math.Sqrt(n)*variance+1e-9 {
				t.Errorf("%s, share %g: %g and %g went up, want %g; product %g", name, share, low, high, n*share, both)
			}
		}
	}
}

func TestSumSquares(t *testing.T) { everyImplementation(t, testSumSquares) }

func testSumSquares(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 16))
	for _, n := range kerneltest.Lengths {
		x, want := kerneltest.Spread(r, n), 0.0
		for _, v := range x {
			want += float64(v) * float64(v)
		}
		if got := SumSquares(x); math.Abs(got-want) > 1e-13*want {
			t.Errorf("SumSquares of %d is %.17g, want %.17g", n, got, want)
		}
	}
}
