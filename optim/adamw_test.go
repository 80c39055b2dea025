package optim

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// valley is a quadratic loss sum curvature*(x-target)^2/2, with noise in the gradient.
type valley struct {
	curvature, target []float32
	noise             *rand.Rand
}

func newValley(n int) *valley {
	r := rand.New(rand.NewPCG(1, 2))
	v := &valley{make([]float32, n), make([]float32, n), r}
	for i := range n {
		v.curvature[i], v.target[i] = float32(math.Exp(2*r.NormFloat64())), float32(r.NormFloat64())
	}
	return v
}

func (v *valley) gradient(grad, x []float32) {
	for i := range grad {
		grad[i] = v.curvature[i] * (x[i] - v.target[i] + 0.01*float32(v.noise.NormFloat64()))
	}
}

// distance is the root mean square of x-target.
func (v *valley) distance(x []float32) float64 {
	sum := 0.0
	for i := range x {
		sum += math.Pow(float64(x[i]-v.target[i]), 2)
	}
	return math.Sqrt(sum / float64(len(x)))
}

func newOptimiser(t *testing.T, moments MomentPrecision, n int) *AdamW {
	a, err := NewAdamW(0.9, 0.999, 1e-8, moments, []Param{{Name: "x", Value: make([]float32, n)}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestBF16MomentsConvergeAlike: on the way and where noise keeps them, the distance from the
// minimum with bf16 moments is within 3 % of that with float32 moments. Rounded to nearest
// they are off by up to 17 %.
func TestBF16MomentsConvergeAlike(t *testing.T) {
	const n, steps = 4000, 2000
	distances := map[MomentPrecision][]float64{}
	for _, moments := range Moments {
		v, a, grad := newValley(n), newOptimiser(t, moments, n), make([]float32, n)
		x := a.Params[0].Value
		for step := range steps {
			v.gradient(grad, x)
			a.Begin()
			a.Update(0, 0, n, grad, 1, 0.02*(1-float64(step)/steps), 0)
			if step%400 == 399 {
				distances[moments] = append(distances[moments], v.distance(x))
			}
		}
	}
	want, got := distances[MomentsFloat32], distances[MomentsBF16]
	for i := range want {
		if math.Abs(got[i]/want[i]-1) > 0.03 {
			t.Errorf("after %d steps: distance %.4g, with float32 moments %.4g", 400*(i+1), got[i], want[i])
		}
	}
	t.Logf("distances with bf16 %.4g, with float32 %.4g", got, want)
	if want[len(want)-1] > 0.01 {
		t.Errorf("float32 moments end at a distance of %g", want[len(want)-1])
	}
}

// TestMomentsDoNotDependOnRanges, and two runs are the same.
func TestMomentsDoNotDependOnRanges(t *testing.T) {
	const n = 1000
	for _, moments := range Moments {
		var want Param
		for _, cuts := range [][]int{{0, n}, {0, n}, {0, 7, 500, 501, n}} {
			v, a, grad := newValley(n), newOptimiser(t, moments, n), make([]float32, n)
			for range 5 {
				v.gradient(grad, a.Params[0].Value)
				a.Begin()
				for i, hi := range cuts[1:] {
					a.Update(0, cuts[i], hi, grad, 0.5, 0.01, 0.1)
				}
			}
			p := a.Params[0]
			if want.Value == nil {
				want = p
			}
			if !slices.Equal(p.Value, want.Value) || !slices.Equal(p.M, want.M) || !slices.Equal(p.V, want.V) ||
				!slices.Equal(p.MBF16, want.MBF16) || !slices.Equal(p.VBF16, want.VBF16) {
				t.Errorf("%s moments in ranges %v: other bits", moments, cuts)
			}
		}
	}
}

// TestRoundingDiffersByStepAndParameter, or errors would add up.
func TestRoundingDiffersByStepAndParameter(t *testing.T) {
	seen := map[uint32]bool{}
	for step := range 100 {
		for param := range 100 {
			seen[roundingKey(step, param)] = true
		}
	}
	if len(seen) < 9990 { // of 32 bits, one pair in 10,000 is expected to meet once in 90 times
		t.Errorf("%d keys of 10000 differ", len(seen))
	}
}

func TestUnknownMomentsAreRefused(t *testing.T) {
	if _, err := NewAdamW(0.9, 0.95, 1e-8, "fp8", nil); err == nil || !strings.Contains(err.Error(), `"fp8"`) {
		t.Errorf("got %v", err)
	}
}

// What Moment gives is the memory, or a copy from which SetMoment makes the same moments.
func TestMomentsAreReadAndSet(t *testing.T) {
	const n = 40
	for _, moments := range Moments {
		a, b := newOptimiser(t, moments, n), newOptimiser(t, moments, n)
		grad := make([]float32, n)
		for i := range grad {
			grad[i] = float32(i) - 7.3
		}
		a.Begin()
		a.Update(0, 0, n, grad, 1, 1e-3, 0)
		for which := range 2 {
			b.Params[0].SetMoment(which, a.Params[0].Moment(which, make([]float32, n)))
		}
		p, q := a.Params[0], b.Params[0]
		if !slices.Equal(p.M, q.M) || !slices.Equal(p.V, q.V) || !slices.Equal(p.MBF16, q.MBF16) ||
			!slices.Equal(p.VBF16, q.VBF16) {
			t.Errorf("%s: other moments", moments)
		}
		if m := p.Moment(0, make([]float32, n)); math.Abs(float64(m[0])+0.73) > 0.005 {
			t.Errorf("%s: the mean of the gradient is %g, want -0.73", moments, m[0])
		}
	}
}
