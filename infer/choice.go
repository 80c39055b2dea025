package infer

// choice is the logits after one row of a pass, or what a choice among them needs.
type choice struct {
	bounded *boundedLogits // nil with another head
	full    func() []float32
}

// by returns the token that the sampler chooses.
func (c choice) by(sampler *Sampler) int32 {
	if c.bounded != nil {
		if id, ok := sampler.sampleBounded(c.bounded); ok {
			return id
		}
	}
	return sampler.Sample(c.full())
}

// choose calls next with the choice after each of some rows of the pass, in their order,
// until next returns false.
func (p *pass) choose(rows []int, next func(i int, c choice) bool) {
	p.finalNorm(rows)
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
			c = choice{&p.bounded[i], func() []float32 { return h.all(p.m.pool, p.last.x[i*d:][:d]) }}
		}
		if !next(i, c) {
			return
		}
	}
}
