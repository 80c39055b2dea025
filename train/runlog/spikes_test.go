package runlog

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSpikesAreFound(t *testing.T) {
	steady := func(n int) []float64 {
		r, out := rand.New(rand.NewPCG(1, 1)), []float64(nil)
		for range n {
			out = append(out, 3+0.1*r.Float64())
		}
		return out
	}
	falling := func(n int) (out []float64) {
		for i := range n {
			out = append(out, 10-float64(i)/20)
		}
		return out
	}
	rising := slices.Concat(steady(200), slices.Repeat([]float64{9}, 200))
	for name, c := range map[string]struct {
		losses []float64
		bad    []int // positions
	}{
		"a spike":                    {append(steady(150), 5, 3), []int{150}},
		"six deviations, not half":   {append(steady(150), 4.5, 3), nil},
		"too early to tell":          {append(steady(19), 50), nil},
		"just enough to tell":        {append(steady(20), 50), []int{20}},
		"falling":                    {falling(180), nil},
		"half again, but as before":  {slices.Repeat([]float64{1, 2}, 100), nil},
		"a new level becomes usual":  {rising, []int{200, 201, 202}},
		"a spike after being usual":  {append(slices.Clone(rising), 18), []int{200, 201, 202, 400}},
		"a fall, and back to before": {slices.Concat(steady(100), slices.Repeat([]float64{1}, 5), steady(50)), nil},
	} {
		whole, parts := &Spikes{}, &Spikes{}
		var bad []int
		for i, l := range c.losses {
			text, found := whole.Observe(i+1, l, 1)
			if found {
				bad = append(bad, i)
			}
			if found != (text != "") {
				t.Errorf("%s: loss %d: found %v with the text %q", name, i, found, text)
			}
			if _, again := parts.Observe(i+1, l, 1); again != found {
				t.Errorf("%s: loss %d: one that was saved finds %v, not %v", name, i, again, found)
			}
			b, err := json.Marshal(parts) // as a checkpoint does
			parts = &Spikes{}
			if err != nil || json.Unmarshal(b, parts) != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(bad, c.bad) {
			t.Errorf("%s: found at %v, want %v", name, bad, c.bad)
		}
	}
}

// A step that is not finite is found, and leaves no trace among the losses.
func TestNotFiniteIsFound(t *testing.T) {
	s := &Spikes{Losses: []float64{3, 3}}
	for _, v := range [][2]float64{{math.NaN(), 1}, {math.Inf(1), 1}, {3, math.NaN()}, {3, math.Inf(-1)}} {
		if text, bad := s.Observe(1, v[0], v[1]); !bad || text == "" || len(s.Losses) != 2 {
			t.Errorf("loss and gradient norm %v: found %v with the text %q; losses %v", v, bad, text, s.Losses)
		}
	}
}
