package infer

// choice is the choice of a token after one row of a pass.
type choice struct {
	bounded *boundedLogits   // bounds of the logits; nil if the head is no boundedHead
	full    func() []float32 // all logits; valid until the next pass
}

// sample returns the token that the sampler chooses.
func (c choice) sample(sampler *Sampler) int32 {
	if c.bounded != nil {
		if id, ok := sampler.sampleBounded(c.bounded); ok {
			return id
		}
	}
	return sampler.Sample(c.full())
}

// choose calls next with the choice after each of the rows, by index of rows and in their
// order, until next returns false.
func (p *pass) choose(rows []int, next func(i int, c choice) bool) error {
	if err := p.finalNorm(rows); err != nil {
		return err
	}
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
			c = choice{&p.bounded[i], func() []float32 { return h.exactLogits(p.m.pool, p.last.x[i*d:][:d]) }}
		}
		if !next(i, c) {
			break
		}
	}
	return nil
}
