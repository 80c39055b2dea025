package train

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"trit/data"
	"trit/format/safetensors"
	"trit/model"
	"trit/train/checkpoint"
	"trit/train/ranks"
)

// sharing is what a run shares out over its ranks: rows, gradients, and what belongs to
// the optimiser, piece by piece. All decisions are taken alike on every rank, from sums
// or from what rank 0 says.
type sharing struct {
	ranks.Comm
	*ranks.Exchange
	number map[ranks.Piece]int // of a piece that this rank owns, among those
}

// comm is the job that the run belongs to.
func (r *Run) comm() ranks.Comm {
	if r.Comm == nil {
		return ranks.Alone
	}
	return r.Comm
}

// leads tells whether this rank is the one that reads and writes the run folder.
func (t *trainer) leads() bool { return t.share.Rank() == 0 }

// join checks that all ranks are about to do the same run.
func (t *trainer) join(m *data.Manifest) error {
	c := t.run.comm()
	t.share = sharing{Comm: c}
	var err error
	if t.microBatches, err = t.run.Options.MicroBatches(c.Size()); err != nil {
		return err
	}
	config := fmt.Appendf(nil, "%+v %+v %v", t.run.Model, t.run.Options, t.run.MaxTime)
	return errors.Join(ranks.Agree(c, "the configuration", config), ranks.Agree(c, "the data set", []byte(m.Fingerprint())))
}

// own makes the exchange of these weights. The backward pass ends their gradients about
// in the order from the last to the first.
func (s *sharing) own(specs []model.TensorSpec) (err error) {
	var weights []ranks.Weight
	for _, spec := range slices.Backward(specs) {
		weights = append(weights, ranks.Weight{Name: spec.Name, Len: spec.Elements()})
	}
	if s.Exchange, err = ranks.NewExchange(s.Comm, weights, ranks.BucketBytes); err != nil {
		return err
	}
	s.number = map[ranks.Piece]int{}
	for i, p := range s.Owned() {
		s.number[p] = i
	}
	return nil
}

// of is the memory of each piece of a quantity that ranks hold of what they own.
func (s *sharing) of(owned func(i int) []float32) func(ranks.Piece) []float32 {
	return func(p ranks.Piece) []float32 {
		if i, ours := s.number[p]; ours {
			return owned(i)
		}
		return nil
	}
}

// any tells each flag that is set on any rank.
func (s *sharing) any(flags ...*bool) error {
	counts, at := make([]float64, len(flags)), make([]*float64, len(flags))
	for i, f := range flags {
		if at[i] = &counts[i]; *f {
			counts[i] = 1
		}
	}
	if err := ranks.Sum(s.Comm, at...); err != nil {
		return err
	}
	for i, f := range flags {
		*f = counts[i] > 0
	}
	return nil
}

// resolvePrecision decides what auto is: bf16 only where that serves all ranks.
func (t *trainer) resolvePrecision() error {
	if t.run.Options.Precision != PrecisionAuto {
		return nil
	}
	unwanted := !prefersBF16()
	if err := t.share.any(&unwanted); err != nil {
		return err
	}
	t.run.Options.resolvePrecision(func() bool { return !unwanted })
	return nil
}

// value is the memory of a piece of the weights.
func (t *trainer) value(p ranks.Piece) []float32 { return t.params.Value(p.Name)[p.Lo:p.Hi] }

// scatterWeights gives all ranks the weights of rank 0.
func (t *trainer) scatterWeights() error {
	if t.share.Size() == 1 {
		return nil
	}
	return t.share.Scatter(func(p ranks.Piece, dst []float32) error {
		copy(dst, t.value(p))
		return nil
	}, t.value, func(ranks.Piece) {})
}

// quantity is something that ranks hold of each piece that they own, in float32: values
// may be a copy that is good until the next call, and store takes it back.
type quantity struct {
	values func(i int) []float32
	store  func(i int, values []float32)
}

// scatter reads a quantity of the optimiser from a file that rank 0 has, each rank what
// it owns. The tensors bear the names of the weights with a suffix.
func (t *trainer) scatter(f *safetensors.File, suffix string, q quantity) error {
	var values []float32
	return t.share.Scatter(func(p ranks.Piece, dst []float32) error {
		return f.ReadFloat32At(p.Name+suffix, p.Lo, dst)
	}, func(p ranks.Piece) []float32 {
		values = t.share.of(q.values)(p)
		return values
	}, func(p ranks.Piece) {
		if i, ours := t.share.number[p]; ours {
			q.store(i, values)
		}
	})
}

// gathered are the tensors of such a quantity. Writing them brings it together, so all
// ranks must write all of them in this order.
func (t *trainer) gathered(suffix string, q quantity) (out []safetensors.Source) {
	g := t.share.Gather(t.share.of(q.values))
	for _, s := range slices.Backward(t.params.Specs()) {
		out = append(out, safetensors.Source{
			TensorInfo: safetensors.TensorInfo{Name: s.Name + suffix, DType: "F32", Shape: s.Shape},
			Write: func(w io.Writer) error {
				return g.Next(func(values []float32) error { return safetensors.WriteFloat32(w, values) })
			},
		})
	}
	return out
}

// contribute is the part in a checkpoint of the ranks that do not write it.
func (t *trainer) contribute() error {
	for _, s := range append(t.moments(), t.averages()...) {
		if err := s.Write(io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// saved tells whether the checkpoint of this step is there already.
func (t *trainer) saved() (there bool, err error) {
	there = t.leads() && checkpoint.Has(t.run.OutDir, t.step)
	return there, t.share.any(&there)
}

// lastRun runs the last micro-batch of a step. Gradients that are final go to the other
// ranks while the backward pass goes on.
func (t *trainer) lastRun() (float32, error) {
	t.share.Begin()
	t.decoder.OnGradient(func(names ...string) {
		for _, n := range names {
			t.share.Add(n, t.decoder.Grad(n))
		}
	})
	defer t.decoder.OnGradient(nil)
	loss, err := t.decoder.Run()
	if err != nil {
		t.share.Drop()
		return 0, err
	}
	return loss, t.share.Wait()
}
