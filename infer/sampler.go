package infer

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"trit/format/ggufmeta"
	"trit/lm"
	"trit/setting"
)

// Sampler chooses tokens. Equal options and logits give equal choices. It is for one
// goroutine.
type Sampler struct {
	o          lm.Sampling
	random     *rand.Rand
	candidates []candidate // working memory
	full       []candidate // working memory
	seen       map[int32]bool
}

// NewSampler makes a sampler. o must be valid (see lm.Sampling.Validate).
func NewSampler(o lm.Sampling) *Sampler {
	return &Sampler{o: o, random: rand.New(rand.NewPCG(o.Seed, 0)), seen: map[int32]bool{}}
}

func (s *Sampler) cutsTopP() bool { return s.o.TopP > 0 && s.o.TopP < 1 }

func (s *Sampler) penalises() bool { return s.o.RepetitionPenalty != 0 && s.o.RepetitionPenalty != 1 }

// Accept says that the sequence holds a token, so that the repetition penalty applies to it.
func (s *Sampler) Accept(id int32) { s.seen[id] = true }

// candidate is a token with its logit. weigh replaces the logit by a weight in proportion to the
// token's probability.
type candidate struct {
	id int32
	p  float64 // logit or weight
}

// likelier orders candidates, the likeliest first, and equal ones by id.
func likelier(a, b candidate) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.id, b.id)) }

func best(c []candidate) candidate { return slices.MinFunc(c, likelier) }

// Sample chooses a token by its logits, [V], and returns its id. It leaves logits unchanged.
func (s *Sampler) Sample(logits []float32) int32 {
	l := &fullLogits{values: logits, exact: s.full[:0]}
	if s.penalises() {
		l.values = slices.Clone(logits)
		for id := range s.seen {
			l.values[id] = float32(s.penalised(float64(logits[id])))
		}
	}
	id, _ := s.choose(l)
	s.full = l.exact
	return id
}

// sampleBounded chooses the token that Sample would choose from the exact logits. It returns
// false if the choice depends on so many logits that computing all of them is faster.
func (s *Sampler) sampleBounded(l *boundedLogits) (id int32, ok bool) {
	if s.penalises() {
		l.compute(slices.Sorted(maps.Keys(s.seen)))
		for i := range l.exact {
			l.exact[i].p = s.penalised(l.exact[i].p)
		}
	}
	return s.choose(l)
}

// partialLogits are the logits of a row, of which the largest are known or can be computed.
type partialLogits interface {
	// top returns the largest logit, or false if too many tokens may have it.
	top() (candidate, bool)
	// atLeast returns all logits that reach a bound, and perhaps others, or false if they
	// are too many.
	atLeast(bound float32) (known []candidate, ok bool)
	// restBound is an upper bound of the sum of exp((logit-top)/temperature) over the logits
	// that the last call of atLeast did not return.
	restBound(top, temperature float64) float64
}

// choose asks for more and more of the largest logits, by a bound that falls, until they decide
// the choice. It returns false if they become too many.
func (s *Sampler) choose(l partialLogits) (id int32, ok bool) {
	top, ok := l.top()
	if !ok || s.o.Temperature == 0 || math.IsNaN(top.p) {
		return top.id, ok
	}
	gap := 2 * s.o.Temperature
	if s.o.TopK == 0 && !s.cutsTopP() && s.o.MinP == 0 {
		gap = math.Inf(1)
	}
	for ; ; gap *= 1.25 {
		if gap > 750*s.o.Temperature { // e^-750 is 0: take all
			gap = math.Inf(1)
		}
		bound := float32(top.p - gap)
		known, ok := l.atLeast(bound)
		if !ok {
			return 0, false
		}
		if c := s.decided(l, known, top.p, float64(bound)); c != nil {
			return s.pick(s.trim(c)), true
		}
	}
}

// decided returns the candidates that top-k and top-p leave of exact, all logits that reach the
// bound. It returns nil if a logit below the bound may be one of them.
func (s *Sampler) decided(l partialLogits, exact []candidate, top, bound float64) []candidate {
	all := math.IsInf(bound, -1)
	if !all && s.o.TopK == 0 && s.cutsTopP() {
		return s.decidedTopP(l, exact, top, bound)
	}
	s.candidates = append(s.candidates[:0], exact...)
	c := s.weigh(s.candidates)
	known := likelierThan(c, math.Exp((bound-top)/s.o.Temperature))
	switch {
	case all, s.o.TopK > 0 && known >= s.o.TopK:
		return s.topP(c)
	case s.o.TopK == 0 && s.o.MinP > math.Exp((bound-top)/s.o.Temperature):
		return c[:known]
	}
	return nil
}

// decidedTopP is decided for top-p without top-k. The sum of all weights lies between the sum
// of the known ones and that sum plus restBound.
func (s *Sampler) decidedTopP(l partialLogits, exact []candidate, top, bound float64) []candidate {
	least, limit := 0.0, math.Exp((bound-top)/s.o.Temperature)
	for _, x := range exact {
		least += math.Exp((x.p - top) / s.o.Temperature)
	}
	most := (least + l.restBound(top, s.o.Temperature)) * (1 + 1e-9)
	if least < s.o.TopP*most {
		return nil // without sorting
	}
	s.candidates = append(s.candidates[:0], exact...)
	c := s.weigh(s.candidates)
	n := s.nucleus(c, most)
	if n > likelierThan(c, limit) || n != s.nucleus(c, least*(1-1e-9)) {
		return nil
	}
	return c[:n]
}

// likelierThan is the number of candidates that weigh more than a limit. They must be sorted.
func likelierThan(c []candidate, limit float64) int {
	n := 0
	for n < len(c) && c[n].p > limit {
		n++
	}
	return n
}

// penalised is the logit of a token that the sequence holds, after the repetition penalty
// (Keskar et al. 2019, CTRL).
func (s *Sampler) penalised(logit float64) float64 {
	r, v := float32(s.o.RepetitionPenalty), float32(logit)
	if v > 0 {
		return float64(v / r)
	}
	return float64(v * r)
}

// weigh sorts the candidates, the likeliest first, keeps top-k of them, and replaces
// logits by weights. The first weight is 1.
func (s *Sampler) weigh(c []candidate) []candidate {
	slices.SortFunc(c, likelier)
	if s.o.TopK > 0 {
		c = c[:min(s.o.TopK, len(c))]
	}
	top := c[0].p
	for i := range c {
		c[i].p = math.Exp((c[i].p - top) / s.o.Temperature)
	}
	return c
}

func sum(c []candidate) float64 {
	total := 0.0
	for _, x := range c {
		total += x.p
	}
	return total
}

// topP returns the candidates that top-p keeps. c must hold every candidate that top-k leaves.
func (s *Sampler) topP(c []candidate) []candidate { return c[:min(len(c), s.nucleus(c, sum(c)))] }

// nucleus is the number of candidates that top-p keeps if all weights sum to total. It is
// len(c)+1 if the candidates together do not reach top-p's share.
func (s *Sampler) nucleus(c []candidate, total float64) int {
	if !s.cutsTopP() {
		return len(c)
	}
	have := 0.0
	for i := range c {
		if have += c[i].p; have >= s.o.TopP*total {
			return i + 1
		}
	}
	return len(c) + 1
}

// trim drops the candidates that min-p excludes; the likeliest always stays.
func (s *Sampler) trim(c []candidate) []candidate {
	for len(c) > 1 && c[len(c)-1].p < s.o.MinP*c[0].p {
		c = c[:len(c)-1]
	}
	return c
}

// pick draws one of the candidates in proportion to their weights.
func (s *Sampler) pick(c []candidate) int32 {
	at := s.random.Float64() * sum(c)
	for _, x := range c {
		if at -= x.p; at < 0 {
			return x.id
		}
	}
	return c[len(c)-1].id
}

// DefaultSampling is how tokens are chosen where a model's makers advise nothing. Taking always
// the likeliest token instead ends in loops with most small models.
var DefaultSampling = lm.Sampling{Temperature: 0.8, TopP: 0.95}

// Sampling is how tokens are chosen where the user does not say: DefaultSampling, with what the
// file advises (general.sampling) in the place of its values. Its values need not be valid. The
// notes name what the file advises and the engine does not do.
func (m *Model) Sampling() (lm.Sampling, []setting.Note) {
	s := DefaultSampling
	if m.file == nil {
		return s, nil
	}
	advice, notes := ggufmeta.ReadSampling(&m.file.Metadata)
	take(&s.Temperature, advice.Temperature)
	take(&s.TopK, advice.TopK)
	take(&s.TopP, advice.TopP)
	take(&s.MinP, advice.MinP)
	take(&s.RepetitionPenalty, advice.RepetitionPenalty)
	return s, notes
}

// take replaces a value by one that is set.
func take[T any](dst, from *T) {
	if from != nil {
		*dst = *from
	}
}
