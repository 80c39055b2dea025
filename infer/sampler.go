package infer

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// SamplerOptions say how the next token is chosen. The cuts apply in the order
// repetition penalty, temperature, top-k, top-p, min-p.
type SamplerOptions struct {
	Temperature       float64 // 0: always the likeliest token
	TopK              int     // 0: all
	TopP              float64 // 0 or 1: all
	MinP              float64
	RepetitionPenalty float64 // 0 or 1: none
	Seed              uint64
}

// Validate reports options out of range.
func (o SamplerOptions) Validate() error {
	if !(o.Temperature >= 0) || o.TopK < 0 || !(o.TopP >= 0 && o.TopP <= 1) || !(o.MinP >= 0 && o.MinP <= 1) || !(o.RepetitionPenalty >= 0) {
		return fmt.Errorf("temperature %g, top-k %d, top-p %g, min-p %g, repetition penalty %g: want no negative value, and top-p and min-p up to 1", o.Temperature, o.TopK, o.TopP, o.MinP, o.RepetitionPenalty)
	}
	return nil
}

// Sampler chooses tokens. Equal options and logits give equal choices.
type Sampler struct {
	o          SamplerOptions
	random     *rand.Rand
	candidates []candidate
	seen       map[int32]bool
}

// NewSampler makes a sampler.
func NewSampler(o SamplerOptions) *Sampler {
	return &Sampler{o: o, random: rand.New(rand.NewPCG(o.Seed, 0)), seen: map[int32]bool{}}
}

// Accept tells the sampler of a token of the sequence, for the repetition penalty.
func (s *Sampler) Accept(id int32) { s.seen[id] = true }

type candidate struct {
	id int32
	p  float64 // logit, later probability
}

// Sample chooses a token; it may change the logits.
func (s *Sampler) Sample(logits []float32) int32 {
	s.penalise(logits)
	if s.o.Temperature == 0 {
		return argmax(logits)
	}
	c := s.rank(logits)
	c = s.cut(c)
	total := 0.0
	for _, x := range c {
		total += x.p
	}
	at := s.random.Float64() * total
	for _, x := range c {
		if at -= x.p; at < 0 {
			return x.id
		}
	}
	return c[len(c)-1].id
}

// penalise makes tokens of the sequence less likely (Keskar et al., CTRL).
func (s *Sampler) penalise(logits []float32) {
	r := float32(s.o.RepetitionPenalty)
	if r == 0 || r == 1 {
		return
	}
	for id := range s.seen {
		if logits[id] > 0 {
			logits[id] /= r
		} else {
			logits[id] *= r
		}
	}
}

func argmax(logits []float32) int32 {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	return int32(best)
}

// rank lists the tokens with their probabilities, the likeliest first, the lower id
// first of equals.
func (s *Sampler) rank(logits []float32) []candidate {
	c := grow(s.candidates, len(logits))
	s.candidates = c
	for i, v := range logits {
		c[i] = candidate{int32(i), float64(v) / s.o.Temperature}
	}
	slices.SortFunc(c, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.id, b.id))
	})
	if s.o.TopK > 0 {
		c = c[:min(s.o.TopK, len(c))]
	}
	top, total := c[0].p, 0.0
	for i := range c {
		c[i].p = math.Exp(c[i].p - top)
		total += c[i].p
	}
	for i := range c {
		c[i].p /= total
	}
	return c
}

// cut drops the unlikely tokens by top-p and min-p; the likeliest always stays.
func (s *Sampler) cut(c []candidate) []candidate {
	if p := s.o.TopP; p > 0 && p < 1 {
		sum := 0.0
		for i := range c {
			if sum += c[i].p; sum >= p {
				c = c[:i+1]
				break
			}
		}
	}
	for len(c) > 1 && c[len(c)-1].p < s.o.MinP*c[0].p {
		c = c[:len(c)-1]
	}
	return c
}
