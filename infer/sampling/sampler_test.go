package sampling

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
		s, random := New(o), rand.New(rand.NewPCG(o.Seed, 0))
		r := rand.New(rand.NewPCG(1, 2))
		for draw := range 80 {
			logits := make([]float32, 2000)
			for i := range logits {
				logits[i] = float32(math.Round(r.NormFloat64()*16)/16) * []float32{0, 0.3, 1, 3, 9}[draw%5] // with equals
			}
			want := drawFrom(definition(o, logits), random)
			if got := s.Sample(logits, nil); got != want {
				t.Fatalf("%+v, draw %d: token %d, want %d", o, draw, got, want)
			}
		}
	}
}

// definition is the candidates that temperature, top-k, top-p and min-p leave, in order.
func definition(o lm.Sampling, logits []float32) []Candidate {
	c, top := make([]Candidate, len(logits)), float64(slices.Max(logits))
	for i, v := range logits {
		c[i] = Candidate{int32(i), math.Exp((float64(v) - top) / o.Temperature)}
	}
	slices.SortStableFunc(c, func(a, b Candidate) int {
		switch {
		case a.P > b.P:
			return -1
		case a.P < b.P:
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
			if have += c[i].P; have >= o.TopP*total {
				c = c[:i+1]
				break
			}
		}
	}
	return slices.DeleteFunc(c, func(x Candidate) bool { return x.P < o.MinP })
}

func drawFrom(c []Candidate, random *rand.Rand) int32 {
	at := random.Float64() * sum(c)
	for _, x := range c {
		if at -= x.P; at < 0 {
			return x.ID
		}
	}
	return c[len(c)-1].ID
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
			if id := New(o).Sample(logits, nil); id < 0 || int(id) >= len(logits) {
				t.Errorf("%+v of %v: token %d", o, logits, id)
			}
		}
	}
}

// TestPenaltiesBiasAndMask compares choices with those from logits that were changed by hand.
func TestPenaltiesBiasAndMask(t *testing.T) {
	logits := []float32{1, 2, -3, 4, 3.5, 0}
	for name, c := range map[string]struct {
		o      lm.Sampling
		read   []int32
		chosen []int32
		mask   []uint64
		want   int32
	}{
		"none":                             {want: 3},
		"repetition of what was read":      {o: lm.Sampling{RepetitionPenalty: 1.2}, read: []int32{3}, want: 4},
		"presence of what was read":        {o: lm.Sampling{PresencePenalty: 2}, read: []int32{3}, want: 3},
		"presence of what was chosen":      {o: lm.Sampling{PresencePenalty: 0.6}, chosen: []int32{3}, want: 4},
		"frequency, once":                  {o: lm.Sampling{FrequencyPenalty: 0.3}, chosen: []int32{3}, want: 3},
		"frequency, twice":                 {o: lm.Sampling{FrequencyPenalty: 0.3}, chosen: []int32{3, 3}, want: 4},
		"a bias for":                       {o: lm.Sampling{LogitBias: map[int32]float64{2: 7.5}}, want: 2},
		"a bias against":                   {o: lm.Sampling{LogitBias: map[int32]float64{3: -1}}, want: 4},
		"a mask":                           {mask: []uint64{0b100101}, want: 0},
		"a mask of the best":               {mask: []uint64{0b1000}, want: 3},
		"a mask, and a bias for others":    {o: lm.Sampling{LogitBias: map[int32]float64{3: 50, 0: 3}}, mask: []uint64{0b11}, want: 0},
		"a mask that ends early is no bit": {mask: []uint64{}, want: 0},
	} {
		s, before := New(c.o), slices.Clone(logits)
		s.Read(c.read)
		for _, id := range c.chosen {
			s.Accept(id)
		}
		if got := s.Sample(logits, c.mask); got != c.want {
			t.Errorf("%s: token %d, want %d", name, got, c.want)
		}
		if !slices.Equal(logits, before) {
			t.Errorf("%s: the logits were changed to %v", name, logits)
		}
	}
}

func TestLikeliest(t *testing.T) {
	logits := []float32{1, 5, 5, -2, 7, 5}
	for n, want := range map[int][]int32{1: {4}, 3: {4, 1, 2}, 4: {4, 1, 2, 5}, 9: {4, 1, 2, 5, 0, 3}} {
		var ids []int32
		for _, c := range Likeliest(logits, n) {
			ids = append(ids, c.ID)
			if float64(logits[c.ID]) != c.P {
				t.Errorf("the logit of %d is %g", c.ID, c.P)
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("the likeliest %d are %v, want %v", n, ids, want)
		}
	}
}
