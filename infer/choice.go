package infer

import (
	"math"

	"trit/bitlinear/kernel/vector"
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
	if ok = ok && !p.m.capsLogits(); ok {
		p.bounded = h.logits(p.m.pool, p.bounded, p.last.x, len(rows))
	} else {
		p.full = grow(p.full, len(rows)*vocab)
		p.m.headLogits(p.full, &p.last, len(rows))
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

// capsLogits reports whether the logits of the model are bounded. Bounds of products say nothing about the
// shares of such logits, so a boundedHead computes them all.
func (m *Model) capsLogits() bool { return m.config.FinalLogitSoftcapping != 0 }

// capLogits bounds logits that the head has computed, if the model does.
func (m *Model) capLogits(x []float32) {
	if m.capsLogits() {
		vector.SoftCap(x, float32(m.config.FinalLogitSoftcapping))
	}
}

// headLogits writes the logits of n rows of the head's input to dst, [n,V].
func (m *Model) headLogits(dst []float32, in *activations, n int) {
	m.head.mul(m.pool, dst, in, n)
	if m.capsLogits() {
		rows(m.pool, n, m.config.VocabSize, func(t int) { m.capLogits(dst[t*m.config.VocabSize:][:m.config.VocabSize]) })
	}
}
