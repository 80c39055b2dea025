// Package sampling chooses tokens by their logits. It needs few of the logits, so that a head
// which computes them one by one need not compute the others.
package sampling

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"trit/lm"
)

// Sampler chooses the tokens of one answer. Equal options and logits give equal choices. It is
// for one goroutine.
type Sampler struct {
	o          lm.Sampling
	random     *rand.Rand
	candidates []Candidate   // working memory
	full       fullLogits    // working memory
	seen       map[int32]int // how often each token of the sequence was chosen; 0: it was read
}

// New makes a sampler. o must be valid (see lm.Sampling.Validate).
func New(o lm.Sampling) *Sampler {
	return &Sampler{o: o, random: rand.New(rand.NewPCG(o.Seed, 0)), seen: map[int32]int{}}
}

func (s *Sampler) cutsTopP() bool { return s.o.TopP > 0 && s.o.TopP < 1 }

func (s *Sampler) repels() bool { return s.o.RepetitionPenalty != 0 && s.o.RepetitionPenalty != 1 }

// penalises reports whether the choice depends on the tokens of the sequence.
func (s *Sampler) penalises() bool {
	return s.repels() || s.o.PresencePenalty != 0 || s.o.FrequencyPenalty != 0
}

// Read says that the sequence holds tokens that were not chosen, such as a prompt.
func (s *Sampler) Read(ids []int32) {
	if !s.repels() {
		return
	}
	for _, id := range ids {
		s.seen[id] += 0
	}
}

// Accept says that a token was chosen.
func (s *Sampler) Accept(id int32) {
	if s.penalises() {
		s.seen[id]++
	}
}

// Candidate is a token with its logit. weigh replaces the logit by a weight in proportion to the
// token's probability.
type Candidate struct {
	ID int32
	P  float64 // logit or weight
}

// likelier orders candidates, the likeliest first, and equal ones by id.
func likelier(a, b Candidate) int { return cmp.Or(cmp.Compare(b.P, a.P), cmp.Compare(a.ID, b.ID)) }

// Best returns the likeliest of at least one candidate, the lowest id among equals.
func Best(c []Candidate) Candidate { return slices.MinFunc(c, likelier) }

// Logits are the logits of a row, of which the largest are known or can be computed.
type Logits interface {
	// Keep forbids all tokens but those of a mask; see lm.Constraint.
	Keep(mask []uint64)
	// Adjust replaces the logits of ids, which are not forbidden, by f of them.
	Adjust(ids []int32, f func(id int32, logit float64) float64)
	// Top returns the largest logit, or false if too many tokens may have it.
	Top() (Candidate, bool)
	// AtLeast returns all logits that reach a bound, and perhaps others, or false if they
	// are too many.
	AtLeast(bound float32) (known []Candidate, ok bool)
	// RestBound is an upper bound of the sum of exp((logit-top)/temperature) over the logits
	// that the last call of AtLeast did not return.
	RestBound(top, temperature float64) float64
}

// Sample chooses a token by its logits, [V], and returns its id. It leaves logits unchanged. A
// mask that is not nil names the tokens to choose among.
func (s *Sampler) Sample(logits []float32, mask []uint64) int32 {
	s.full.set(logits)
	id, _ := s.SampleFrom(&s.full, mask)
	return id
}

// SampleFrom chooses the token that Sample would choose from all logits. It returns false if the
// choice depends on so many logits that computing all of them is faster.
func (s *Sampler) SampleFrom(l Logits, mask []uint64) (id int32, ok bool) {
	if mask != nil {
		l.Keep(mask)
	}
	if ids := s.adjusted(mask); len(ids) > 0 {
		l.Adjust(ids, s.adjust)
	}
	return s.choose(l)
}

// adjusted are the tokens whose logits penalties and biases change, in order.
func (s *Sampler) adjusted(mask []uint64) []int32 {
	if !s.penalises() && len(s.o.LogitBias) == 0 {
		return nil
	}
	ids := slices.AppendSeq(slices.Collect(maps.Keys(s.seen)), maps.Keys(s.o.LogitBias))
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id int32) bool { return mask != nil && !has(mask, id) })
}

// has reports whether a mask holds a token.
func has(mask []uint64, id int32) bool {
	return int(id)/64 < len(mask) && mask[id/64]>>(id%64)&1 == 1
}

// adjust is the logit of a token after penalties and bias: the repetition penalty of Keskar et
// al. 2019 (CTRL) for every token of the sequence, the other two as OpenAI's API defines them,
// for those that were chosen.
func (s *Sampler) adjust(id int32, logit float64) float64 {
	count, seen := s.seen[id]
	if seen && s.repels() {
		r, v := float32(s.o.RepetitionPenalty), float32(logit)
		if v > 0 {
			logit = float64(v / r)
		} else {
			logit = float64(v * r)
		}
	}
	if count > 0 {
		logit -= s.o.PresencePenalty + float64(count)*s.o.FrequencyPenalty
	}
	return float64(float32(logit + s.o.LogitBias[id])) // as exact as logits are
}

// choose asks for more and more of the largest logits, by a bound that falls, until they decide
// the choice. It returns false if they become too many.
func (s *Sampler) choose(l Logits) (id int32, ok bool) {
	top, ok := l.Top()
	if !ok || s.o.Temperature == 0 || math.IsNaN(top.P) {
		return top.ID, ok
	}
	gap := 2 * s.o.Temperature
	if s.o.TopK == 0 && !s.cutsTopP() && s.o.MinP == 0 {
		gap = math.Inf(1)
	}
	for ; ; gap *= 1.25 {
		if gap > 750*s.o.Temperature { // e^-750 is 0: take all
			gap = math.Inf(1)
		}
		bound := float32(top.P - gap)
		known, ok := l.AtLeast(bound)
		if !ok {
			return 0, false
		}
		if c := s.decided(l, known, top.P, float64(bound)); c != nil {
			return s.pick(s.trim(c)), true
		}
	}
}

// decided returns the candidates that top-k and top-p leave of exact, all logits that reach the
// bound. It returns nil if a logit below the bound may be one of them.
func (s *Sampler) decided(l Logits, exact []Candidate, top, bound float64) []Candidate {
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
// of the known ones and that sum plus RestBound.
func (s *Sampler) decidedTopP(l Logits, exact []Candidate, top, bound float64) []Candidate {
	least, limit := 0.0, math.Exp((bound-top)/s.o.Temperature)
	for _, x := range exact {
		least += math.Exp((x.P - top) / s.o.Temperature)
	}
	most := (least + l.RestBound(top, s.o.Temperature)) * (1 + 1e-9)
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
func likelierThan(c []Candidate, limit float64) int {
	n := 0
	for n < len(c) && c[n].P > limit {
		n++
	}
	return n
}

// weigh sorts the candidates, the likeliest first, keeps top-k of them, and replaces
// logits by weights. The first weight is 1.
func (s *Sampler) weigh(c []Candidate) []Candidate {
	slices.SortFunc(c, likelier)
	if s.o.TopK > 0 {
		c = c[:min(s.o.TopK, len(c))]
	}
	top := c[0].P
	for i := range c {
		c[i].P = math.Exp((c[i].P - top) / s.o.Temperature)
	}
	return c
}

func sum(c []Candidate) float64 {
	total := 0.0
	for _, x := range c {
		total += x.P
	}
	return total
}

// topP returns the candidates that top-p keeps. c must hold every candidate that top-k leaves.
func (s *Sampler) topP(c []Candidate) []Candidate { return c[:min(len(c), s.nucleus(c, sum(c)))] }

// nucleus is the number of candidates that top-p keeps if all weights sum to total. It is
// len(c)+1 if the candidates together do not reach top-p's share.
func (s *Sampler) nucleus(c []Candidate, total float64) int {
	if !s.cutsTopP() {
		return len(c)
	}
	have := 0.0
	for i := range c {
		if have += c[i].P; have >= s.o.TopP*total {
			return i + 1
		}
	}
	return len(c) + 1
}

// trim drops the candidates that min-p excludes; the likeliest always stays.
func (s *Sampler) trim(c []Candidate) []Candidate {
	for len(c) > 1 && c[len(c)-1].P < s.o.MinP*c[0].P {
		c = c[:len(c)-1]
	}
	return c
}

// pick draws one of the candidates in proportion to their weights.
func (s *Sampler) pick(c []Candidate) int32 {
	at := s.random.Float64() * sum(c)
	for _, x := range c {
		if at -= x.P; at < 0 {
			return x.ID
		}
	}
	return c[len(c)-1].ID
}
