package train

import "errors"

// beginMean sets the running mean of the weights that this rank owns to the present weights, if
// the run keeps a mean.
func (s *sharing) beginMean() {
	if s.emaDecay == 0 {
		return
	}
	s.mean = nil
	for _, p := range s.optimizer.Params {
		s.mean = append(s.mean, append([]float32(nil), p.Value...))
	}
}

// withMean calls f while the weights are replaced by their running mean, if the run keeps one,
// and puts them back afterwards. All ranks call it together.
func (s *sharing) withMean(f func() error) (err error) {
	if err := s.swapMean(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.swapMean()) }()
	return f()
}

// swapMean exchanges the weights with their running mean; a second call puts them back. The
// exchange is in place, since the graphs read the weights there. Each rank swaps what it owns,
// then receives the rest.
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
