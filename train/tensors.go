package train

import (
	"fmt"
	"io"
	"slices"

	"trit/format/safetensors"
	"trit/train/checkpoint"
	"trit/train/ranks"
)

// quantity is a float32 value for each weight that has it, such as a moment. A rank holds it for the
// pieces that it owns. values may return a copy, which is valid until the next call; store writes it
// back.
type quantity struct {
	has    func(name string) bool
	values func(i int) []float32
	store  func(i int, values []float32)
}

// moment is one of the running means of the optimiser, see optim.Param.Moment.
func (s *sharing) moment(which int) quantity {
	var buffer []float32
	return quantity{
		has: func(name string) bool { return which == 0 || !s.byMuon[name] },
		values: func(i int) []float32 {
			p := &s.optimizer.Params[i]
			if p.MBF16 != nil {
				buffer = slices.Grow(buffer[:0], len(p.Value))[:len(p.Value)]
			}
			return p.Moment(which, buffer)
		},
		store: func(i int, values []float32) { s.optimizer.Params[i].SetMoment(which, values) },
	}
}

// ownMean is the running mean of the weights, in place.
func (s *sharing) ownMean() quantity {
	return quantity{func(string) bool { return true }, func(i int) []float32 { return s.mean[i] }, func(int, []float32) {}}
}

// weightSources are the weights as tensors.
func (s *sharing) weightSources() (out []safetensors.Source) {
	for _, spec := range s.params.Specs() {
		out = append(out, safetensors.Float32Source(spec.Name, spec.Shape, s.params.Value(spec.Name)))
	}
	return out
}

// momentSources are both running means of the optimiser as tensors; see gather.
func (s *sharing) momentSources() []safetensors.Source {
	return append(s.gather(".m", s.moment(0)), s.gather(".v", s.moment(1))...)
}

// meanSources are the running mean of the weights as tensors, nil without one; see gather.
func (s *sharing) meanSources() []safetensors.Source {
	if s.mean == nil {
		return nil
	}
	return s.gather("", s.ownMean())
}

// gather returns a quantity as tensors, which bear the names of the weights with a suffix.
// Writing them gathers the pieces of all ranks, so every rank must write all of them in this
// order.
func (s *sharing) gather(suffix string, q quantity) (out []safetensors.Source) {
	g, without := s.exchange.Gather(s.ofPieces(q.values)), 0
	for _, spec := range slices.Backward(s.params.Specs()) {
		if !q.has(spec.Name) {
			without++
			continue
		}
		before := without
		without = 0
		out = append(out, safetensors.Source{
			TensorInfo: safetensors.TensorInfo{Name: spec.Name + suffix, DType: "F32", Shape: spec.Shape},
			Write: func(w io.Writer) error {
				for range before {
					if err := g.Next(func([]float32) error { return nil }); err != nil {
						return err
					}
				}
				return g.Next(func(values []float32) error { return safetensors.WriteFloat32(w, values) })
			},
		})
	}
	return out
}

// contribute sends this rank's pieces to rank 0, which writes them to a checkpoint.
func (s *sharing) contribute() error {
	for _, source := range append(s.momentSources(), s.meanSources()...) {
		if err := source.Write(io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// ofPieces returns a function that gives the memory of a piece, nil for pieces of other ranks.
func (s *sharing) ofPieces(values func(i int) []float32) func(ranks.Piece) []float32 {
	return func(p ranks.Piece) []float32 {
		if i, ours := s.number[p]; ours {
			return values(i)
		}
		return nil
	}
}

// scatter reads a quantity from a file that rank 0 has; each rank receives what it owns.
func (s *sharing) scatter(f *safetensors.File, suffix string, q quantity) error {
	var values []float32
	return s.exchange.Scatter(func(p ranks.Piece, dst []float32) error {
		if !q.has(p.Name) {
			return nil
		}
		return f.ReadFloat32At(p.Name+suffix, p.Lo, dst)
	}, func(p ranks.Piece) []float32 {
		values = s.ofPieces(q.values)(p)
		return values
	}, func(p ranks.Piece) {
		if i, ours := s.number[p]; ours && q.has(p.Name) {
			q.store(i, values)
		}
	})
}

// restore reads weights, moments and running mean from a checkpoint, which only rank 0 has
// open.
func (s *sharing) restore(c *checkpoint.Loaded) error {
	if s.isRank0() {
		for _, spec := range s.params.Specs() {
			if err := c.Weights.ReadFloat32(spec.Name, s.params.Value(spec.Name)); err != nil {
				return err
			}
		}
	}
	if err := s.broadcastWeights(); err != nil {
		return err
	}
	if err := s.scatter(c.Optimizer, ".m", s.moment(0)); err != nil {
		return err
	}
	if err := s.scatter(c.Optimizer, ".v", s.moment(1)); err != nil {
		return err
	}
	s.optimizer.StepCount = c.State.Step
	if s.mean == nil {
		return nil
	}
	if s.isRank0() && c.EMA == nil {
		return fmt.Errorf("%s: %s is missing, but the run has ema_decay %g", c.Dir, checkpoint.EMAFile, s.emaDecay)
	}
	return s.scatter(c.EMA, "", s.ownMean())
}
