package infer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/lm"
)

// TestSampleIsTheDefinition compares with sorting the whole vocabulary, for distributions
// from nearly even to nearly certain.
func TestSampleIsTheDefinition(t *testing.T) {
	for _, o := range []lm.Sampling{
		{Temperature: 1}, {Temperature: 0.7, TopP: 0.9}, {Temperature: 2, TopP: 0.999}, {Temperature: 1, TopP: 1e-9},
		{Temperature: 1, TopK: 40}, {Temperature: 1, TopK: 5000}, {Temperature: 1, TopK: 7, TopP: 0.5},
		{Temperature: 1, MinP: 0.05}, {Temperature: 1.3, TopP: 0.95, MinP: 0.01},
	} {
		o.Seed = 4
		s, random := NewSampler(o), rand.New(rand.NewPCG(o.Seed, 0))
		r := rand.New(rand.NewPCG(1, 2))
		for draw := range 80 {
			logits := make([]float32, 2000)
			for i := range logits {
				logits[i] = float32(math.Round(r.NormFloat64()*16)/16) * []float32{0, 0.3, 1, 3, 9}[draw%5] // with equals
			}
			want := drawFrom(definition(o, logits), random)
			if got := s.Sample(logits); got != want {
				t.Fatalf("%+v, draw %d: token %d, want %d", o, draw, got, want)
			}
		}
	}
}

// definition is the candidates that temperature, top-k, top-p and min-p leave, in order.
func definition(o lm.Sampling, logits []float32) []candidate {
	c, top := make([]candidate, len(logits)), float64(slices.Max(logits))
	for i, v := range logits {
		c[i] = candidate{int32(i), math.Exp((float64(v) - top) / o.Temperature)}
	}
	slices.SortStableFunc(c, func(a, b candidate) int {
		switch {
		case a.p > b.p:
			return -1
		case a.p < b.p:
			return 1
		}
		return 0
	})
	if o.TopK > 0 {
		c = c[:min(o.TopK, len(c))]
	}
	if o.TopP > 0 && o.TopP < 1 {
		total, have := sum(c), 0.0
		for i := range c {
			if have += c[i].p; have >= o.TopP*total {
				c = c[:i+1]
				break
			}
		}
	}
	return slices.DeleteFunc(c, func(x candidate) bool { return x.p < o.MinP })
}

func drawFrom(c []candidate, random *rand.Rand) int32 {
	at := random.Float64() * sum(c)
	for _, x := range c {
		if at -= x.p; at < 0 {
			return x.id
		}
	}
	return c[len(c)-1].id
}

// TestSampleOfNoNumbers takes some token, as there is no likeliest one.
func TestSampleOfNoNumbers(t *testing.T) {
	nan := float32(math.NaN())
	for _, o := range []lm.Sampling{
		{}, {Temperature: 1}, {Temperature: 1, TopP: 0.9}, {Temperature: 1, TopK: 2}, {Temperature: 1, MinP: 0.1},
	} {
		for _, logits := range [][]float32{{nan, nan, nan}, {1, nan, 2}, make([]float32, 40)} {
			if len(logits) == 40 {
				for i := range logits {
					logits[i] = nan
				}
			}
			if id := NewSampler(o).Sample(logits); id < 0 || int(id) >= len(logits) {
				t.Errorf("%+v of %v: token %d", o, logits, id)
			}
		}
	}
}
