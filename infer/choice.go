package infer

import (
	"math"

	"trit/infer/sampling"
	"trit/lm"
)

// choice is the choice of a token after one row of a pass.
type choice struct {
	bounded *boundedLogits   // bounds of the logits; nil if the head is no boundedHead
	full    func() []float32 // all logits; valid until the next pass
	err     error            // the row has no logits
}

// sample returns the token that the sampler chooses among those of a mask, nil for all.
func (c choice) sample(sampler *sampling.Sampler, mask []uint64) (int32, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.bounded != nil {
		if id, ok := sampler.SampleFrom(c.bounded, mask); ok {
			return id, nil
		}
	}
	return sampler.Sample(c.full(), mask), nil
}

// choose calls next with the choice after each of the rows, by index of rows and in their order.
func (p *pass) choose(rows []int, next func(i int, c choice)) {
	whole := p.finalNorm(rows)
	d, vocab := p.m.config.HiddenSize, p.m.config.VocabSize
	h, ok := p.m.head.(*boundedHead)
	if ok {
		p.bounded = h.logits(p.m.pool, p.bounded, p.last.x, len(rows))
	} else {
		p.full = grow(p.full, len(rows)*vocab)
		p.m.head.mul(p.m.pool, p.full, &p.last, len(rows))
	}
	for i := range rows {
		c := choice{full: func() []float32 { return p.full[i*vocab:][:vocab] }}
		if ok {
			c.bounded = &p.bounded[i]
			c.full = func() []float32 { return h.exactLogits(p.m.pool, p.last.x[i*d:][:d]) }
		}
		if whole != nil { // of some row
			c.err = checkFinite(p.last.x[i*d:][:d])
		}
		next(i, c)
	}
}

// logProbs are the log-probabilities of a token and of the top likeliest ones by their logits.
func logProbs(logits []float32, id int32, top int) lm.TokenLogProbs {
	likeliest := sampling.Likeliest(logits, max(top, 1))
	most, sum := likeliest[0].P, 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - most)
	}
	whole := most + math.Log(sum)
	r := lm.TokenLogProbs{LogProb: lm.LogProb{ID: id, LogProb: float64(logits[id]) - whole}}
	for _, c := range likeliest[:min(top, len(likeliest))] {
		r.Top = append(r.Top, lm.LogProb{ID: c.ID, LogProb: c.P - whole})
	}
	return r
}
