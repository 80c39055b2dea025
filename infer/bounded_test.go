package infer

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/infer/sampling"
	"trit/internal/float16"
	"trit/lm"
)

// normalHead is an F16 head of normal weights.
func normalHead(t *testing.T, r *rand.Rand, n, k int) *boundedHead {
	t.Helper()
	data := make([]byte, 2*n*k)
	for i := range n * k {
		bits := float16.Bits(float32(r.NormFloat64() * 0.02))
		data[2*i], data[2*i+1] = byte(bits), byte(bits>>8)
	}
	h, err := newBounded(nil, newDense(gguf.F16, data, n, k))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// activationsLike makes an input of the head: normal, or with a few large values as
// real models have them. Gain sets how far logits spread.
func activationsLike(r *rand.Rand, k int, gain float64, outliers bool) []float32 {
	x := make([]float32, k)
	for i := range x {
		x[i] = float32(r.NormFloat64() * gain)
		if outliers && r.IntN(100) == 0 {
			x[i] *= 20
		}
	}
	return x
}

// TestBoundHolds counts, over millions of logits, those above their bound.
func TestBoundHolds(t *testing.T) {
	const n, k, inputs = 4096, 256, 400
	r := rand.New(rand.NewPCG(11, 1))
	h := normalHead(t, r, n, k)
	buffer, closest := make([]float32, k), math.Inf(1)
	for i := range inputs {
		x := activationsLike(r, k, 1, i%2 == 0)
		if i%10 == 0 { // along a row's own error, the worst there is for that row
			h.row(buffer, i)
			copy(x, buffer)
		}
		l := &h.logits(nil, nil, x, 1)[0]
		for id, upper := range l.upper {
			exact := h.dot(buffer, id, x)
			if upper < exact {
				t.Fatalf("input %d: logit %d is %g, above its bound %g", i, id, exact, upper)
			}
			if radius := h.radius(x, 0) * h.coarse.Steps[id]; radius > 0 {
				closest = min(closest, float64((upper-exact)/radius))
			}
		}
	}
	t.Logf("%d logits; the nearest to its bound keeps %.2f of the radius", n*inputs, closest)
	// The largest of so many normal errors is 5 deviations, 5/sqrt(12) of the 2.5 steps.
	if closest > 0.5 {
		t.Errorf("no logit comes nearer to its bound than %.2f of the radius: want about 0.42", closest)
	}
}

// TestBoundedChoiceIsTheExactOne draws with all samplers, in step, from the bounded and
// from the full head.
func TestBoundedChoiceIsTheExactOne(t *testing.T) {
	const n, k, draws = 3000, 192, 60
	for name, o := range map[string]lm.Sampling{
		"greedy":           {},
		"greedy penalised": {RepetitionPenalty: 1.3},
		"top-p":            {Temperature: 1, TopP: 0.9},
		"top-p hot":        {Temperature: 1.7, TopP: 0.97},
		"top-k":            {Temperature: 0.8, TopK: 40},
		"top-k top-p":      {Temperature: 1, TopK: 50, TopP: 0.8, MinP: 0.01},
		"min-p":            {Temperature: 1, MinP: 0.05},
		"top-p penalised":  {Temperature: 1, TopP: 0.9, MinP: 0.02, RepetitionPenalty: 1.2},
		"greedy repelled":  {PresencePenalty: 0.5, FrequencyPenalty: 1.1},
		"top-p attracted":  {Temperature: 1, TopP: 0.9, PresencePenalty: -1, FrequencyPenalty: -0.3},
		"greedy biased":    {LogitBias: map[int32]float64{5: 3, 700: -100, 2999: 100, 8: 40}},
		"top-k biased":     {Temperature: 1, TopK: 5, LogitBias: map[int32]float64{5: 3, 2999: -2}},
		"masked":           {}, "masked top-p": {Temperature: 1, TopP: 0.9},
		"masked penalised": {Temperature: 1, TopP: 0.9, LogitBias: map[int32]float64{5: 30}, RepetitionPenalty: 1.2, PresencePenalty: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o.Seed = 5
			r := rand.New(rand.NewPCG(12, 1))
			h := normalHead(t, r, n, k)
			bounded, full := sampling.New(o), sampling.New(o)
			var mask []uint64
			if strings.HasPrefix(name, "masked") {
				mask = thirdOf(n)
			}
			logits, buffer, decided, computed := make([]float32, n), make([]float32, k), 0, 0
			for i := range draws {
				x := activationsLike(r, k, []float64{1, 10, 40}[i%3], i%2 == 0)
				for id := range logits {
					logits[id] = h.dot(buffer, id, x)
				}
				want := full.Sample(logits, mask)
				l := &h.logits(nil, nil, x, 1)[0]
				got, ok := bounded.SampleFrom(l, mask)
				if ok {
					decided, computed = decided+1, computed+len(l.exact)
				} else {
					got = bounded.Sample(logits, mask)
				}
				if got != want {
					t.Fatalf("draw %d: token %d (decided from bounds: %v), the full head gives %d", i, got, ok, want)
				}
				if mask != nil && got%3 != 0 {
					t.Fatalf("draw %d: token %d is not in the mask", i, got)
				}
				bounded.Accept(got)
				full.Accept(want)
			}
			t.Logf("%d of %d from bounds, with %d exact logits each", decided, draws, computed/max(1, decided))
			if decided < draws/8 {
				t.Errorf("only %d of %d choices were decided from bounds", decided, draws)
			}
		})
	}
}

// thirdOf is a mask of the tokens below n that 3 divides.
func thirdOf(n int) []uint64 {
	mask := make([]uint64, (n+63)/64)
	for id := 0; id < n; id += 3 {
		mask[id/64] |= 1 << (id % 64)
	}
	return mask
}

// TestBoundedStepsAreTheExactOnes compares whole sessions.
func TestBoundedStepsAreTheExactOnes(t *testing.T) {
	for _, o := range []lm.Sampling{{}, {Temperature: 1, TopP: 0.9, Seed: 3}} {
		var want []int32
		for _, head := range []Head{HeadExact, HeadBounded} {
			m, err := Random(smallConfig(), 1, Options{Head: head})
			if err != nil {
				t.Fatal(err)
			}
			s, _ := m.NewSession(40)
			sampler, next, got := sampling.New(o), []int32{1, 2, 3}, []int32(nil)
			for range 30 {
				id, err := s.Step(next, sampler)
				if err != nil {
					t.Fatal(err)
				}
				got, next = append(got, id), []int32{id}
			}
			if want == nil {
				want = got
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%+v: token %d is %d, the exact head gives %d", o, i, got[i], want[i])
				}
			}
		}
	}
}
