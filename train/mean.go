package train

import "errors"

// beginMean begins the running mean of the weights that this rank owns with these, where the
// run keeps one.
func (s *sharing) beginMean() {
	if s.emaDecay == 0 {
		return
	}
	s.mean = nil
	for _, p := range s.optimizer.Params {
		s.mean = append(s.mean, append([]float32(nil), p.Value...))
	}
}

// withMean calls f while the weights are their running mean, where one is kept. All ranks
// call it together.
func (s *sharing) withMean(f func() error) (err error) {
	if err := s.swapMean(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.swapMean()) }()
	return f()
}

// swapMean exchanges the weights with their running mean, and a second time back: the
// graphs read the weights in place. Each rank swaps what it owns and then gets the rest.
func (s *sharing) swapMean() error {
	if s.mean == nil {
		return nil
	}
	s.forChunks(func(_ int, c chunk) {
		mean, value := s.mean[c.param][c.lo:c.hi], s.optimizer.Params[c.param].Value[c.lo:c.hi]
		for i, v := range value {
			value[i], mean[i] = mean[i], v
		}
	})
	return s.exchange.AllGather(s.value)
}
