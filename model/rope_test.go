package model

import (
	"math"
	"math/big"
	"testing"
)

// Frequencies that are known without a power: those of theta 10,000 at four dimensions a
// decade, and those of theta 16 at two pairs.
func TestRotaryFrequencies(t *testing.T) {
	for _, c := range []struct {
		dim   int
		theta float64
		want  []float64
	}{
		{2, 10000, []float64{1}},
		{4, 10000, []float64{1, 0.01}},
		{8, 10000, []float64{1, 0.1, 0.01, 0.001}},
		{4, 16, []float64{1, 0.25}},
		{8, 16, []float64{1, 0.5, 0.25, 0.125}},
	} {
		got := (&Config{HeadDim: c.dim, RopeTheta: c.theta}).Rotary(1).Frequencies
		if len(got) != len(c.want) {
			t.Fatalf("head_dim %d: %v", c.dim, got)
		}
		for i, want := range c.want {
			if math.Abs(got[i]-want) > 1e-15*want {
				t.Errorf("head_dim %d, theta %g, pair %d: %v, want %v", c.dim, c.theta, i, got[i], want)
			}
		}
	}
}

// The angles of a far position against a Taylor series of many digits.
func TestRotaryAngles(t *testing.T) {
	frequencies := []float64{1, 0.5, 0.01, 1e-6}
	for _, position := range []int{0, 1, 7, 100, 4095} {
		cos, sin := make([]float32, 4), make([]float32, 4)
		Rotary{frequencies, 1}.Angles(position, cos, sin)
		for i, f := range frequencies {
			wantCos, wantSin := series(float64(position) * f)
			if math.Abs(float64(cos[i])-wantCos) > 1e-7 || math.Abs(float64(sin[i])-wantSin) > 1e-7 {
				t.Errorf("position %d, pair %d: %v and %v, want %v and %v", position, i, cos[i], sin[i], wantCos, wantSin)
			}
		}
	}
}

// series sums sine and cosine of x in 1<<14 bits, without reducing x.
func series(x float64) (cos, sin float64) {
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(1 << 14).SetFloat64(v) }
	term, sums := number(1), [2]*big.Float{number(0), number(0)}
	for n := 1; n < 20 || term.Sign() != 0 && term.MantExp(nil) > -80; n++ {
		sum := sums[(n-1)%2]
		if (n-1)%4 < 2 {
			sum.Add(sum, term)
		} else {
			sum.Sub(sum, term)
		}
		term.Quo(term.Mul(term, number(x)), number(float64(n)))
	}
	cos, _ = sums[0].Float64()
	sin, _ = sums[1].Float64()
	return cos, sin
}
