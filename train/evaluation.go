package train

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"trit/data"
	"trit/train/graph"
	"trit/train/preference"
	"trit/train/ranks"
	"trit/train/runlog"
)

// evaluation measures a run on its held-out data, and knows the best result so far and for
// how long there was no better one.
type evaluation struct {
	options   *Options
	ternary   bool // the layers of the model are ternary
	share     *sharing
	decoder   *graph.Decoder
	heldout   *data.Loader // nil if the data set has no held-out split
	batch     data.Batch
	reference *preference.Reference // of a run that learns from pairs, once it is prepared
	best      *Best                 // nil before the first
	patience  patience
	batches   int // of the held-out data, about
	now       func() time.Time
	perBatch  float64 // seconds, at the last evaluation
}

// Best is the result of the step with the lowest held-out loss. It is saved as best.json in the
// run's folder best, beside the weights of that step.
type Best struct {
	Step        int                `json:"step"`
	Tokens      int64              `json:"tokens"`
	Loss        float64            `json:"loss"` // over the first eval_batches, in nats a token, or a pair
	BitsPerByte float64            `json:"bits_per_byte"`
	Preference  *runlog.Preference `json:"preference,omitempty"` // of a run that learns from pairs
	Averaged    bool               `json:"averaged,omitempty"`   // the weights are their running mean
	All         *Whole             `json:"all,omitempty"`        // nil unless the run ended with this step
}

// Whole is the result of a model on all held-out data. It is a figure of its own: the Loss of Best
// and of the curve is over the first eval_batches, the same in every evaluation.
type Whole struct {
	Loss        float64            `json:"loss"` // nats a token, or a pair
	BitsPerByte float64            `json:"bits_per_byte"`
	Preference  *runlog.Preference `json:"preference,omitempty"`
}

// score adds up what batches of held-out data cost: texts, or pairs.
type score struct {
	nats, bytes, tokens float64
	pairs               preference.Figures
}

func (s score) loss() float64 {
	if s.pairs.Pairs > 0 {
		return s.pairs.Loss()
	}
	return s.nats / max(s.tokens, 1)
}

func (s score) bitsPerByte() float64 { return s.nats / math.Ln2 / max(s.bytes, 1) }

// sums are the parts of the score, for a sum over ranks.
func (s *score) sums() []*float64 { return append(s.pairs.Sums(), &s.nats, &s.bytes, &s.tokens) }

// fill sets the figures of an event. The likelihood of a text is none of those of pairs. The log holds no number that
// is infinite: a loss is an error, and a perplexity the largest float64.
func (s score) fill(e *Event) error {
	e.Loss = s.loss()
	if _, broken := runlog.NotFiniteStep(e.Loss, 0); broken {
		return diverged(e.Step, fmt.Sprintf("the held-out loss is %g", e.Loss))
	}
	if e.Preference = s.pairs.Log(); e.Preference == nil {
		e.BitsPerByte, e.Perplexity = s.bitsPerByte(), min(math.Exp(e.Loss), math.MaxFloat64)
	}
	return nil
}

// measure scores the present weights on the held-out data. compared is the score of the first
// eval_batches, which every evaluation measures, so the scores of different steps can be compared.
// whole asks for the score of all batches too. Each rank scores its batches, and all ranks get the
// sums.
func (v *evaluation) measure(step int, whole bool) (all, compared score, err error) {
	v.heldout.Rewind()
	v.decoder.SetRounding(v.options.rounding(step))
	first, begun, done := v.options.EvalBatches, v.now(), 0
	for i := v.share.comm.Rank(); whole || first == 0 || i < first; i += v.share.comm.Size() {
		err := v.heldout.Next(&v.batch)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = v.addBatch(&all)
		}
		if err != nil {
			return all, compared, err
		}
		if first == 0 || i < first {
			compared = all
		}
		done++
	}
	if done > 0 {
		v.perBatch = v.now().Sub(begun).Seconds() / float64(done)
	}
	return all, compared, ranks.AllReduce(v.share.comm, append(all.sums(), compared.sums()...)...)
}

// try measures how long a batch takes, before there was an evaluation.
func (v *evaluation) try(step int) error {
	if v.heldout == nil {
		return nil
	}
	v.heldout.Rewind()
	v.decoder.SetRounding(v.options.rounding(step))
	for range 2 { // the first one warms up
		var s score
		begun := v.now()
		if err := v.heldout.Next(&v.batch); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := v.addBatch(&s); err != nil {
			return err
		}
		v.perBatch = v.now().Sub(begun).Seconds()
	}
	return nil
}

// seconds is about how long an evaluation on all held-out data takes.
func (v *evaluation) seconds() float64 {
	if v.heldout == nil {
		return 0
	}
	return v.perBatch * float64(v.batches) / float64(v.share.comm.Size())
}

// addBatch adds the score of the batch.
func (v *evaluation) addBatch(s *score) error {
	if err := setPairs(v.decoder, &v.batch, v.reference); err != nil {
		return err
	}
	if _, err := v.decoder.Evaluate(); err != nil {
		return err
	}
	if v.reference != nil {
		s.pairs.Add(v.decoder.Pairs())
		return nil
	}
	for i, l := range v.decoder.TokenLosses() {
		if v.batch.Targets[i] >= 0 {
			s.nats += float64(l)
			s.tokens++
		}
	}
	s.bytes += v.batch.Bytes
	return nil
}

// rounded reports whether a step computes with weights and activations that are fully rounded, as the packed
// model does. While the rounding is not fully in force, the loss says nothing about the packed model.
func (v *evaluation) rounded(step int) bool {
	r := v.options.rounding(step)
	return !v.ternary || r.Lambda >= 1 && !r.Int8
}

// improved reports whether a score is the best so far, and if so keeps it in best.
func (v *evaluation) improved(at position, s score) bool {
	loss := s.loss()
	if !v.rounded(at.step) || v.best != nil && !(loss < v.best.Loss) || math.IsNaN(loss) {
		return false
	}
	v.best = &Best{Step: at.step, Tokens: at.tokens, Loss: loss, BitsPerByte: s.bitsPerByte(),
		Preference: s.pairs.Log(), Averaged: v.share.mean != nil}
	return true
}

// addWhole adds the score on all held-out data to the best result, if that is the one of this step.
func (v *evaluation) addWhole(step int, s score) (added bool) {
	if v.best == nil || v.best.Step != step || v.best.All != nil {
		return false
	}
	best := *v.best
	best.All = &Whole{Loss: s.loss(), BitsPerByte: s.bitsPerByte(), Preference: s.pairs.Log()}
	v.best = &best
	return true
}

// patience counts evaluations without improvement.
type patience struct {
	Loss  float64 `json:"loss"`  // an evaluation improves if it is below Loss by more than early_stop_delta
	Seen  bool    `json:"seen"`  // whether there is a Loss yet
	Stale int     `json:"stale"` // number of evaluations since Loss
}

func (p *patience) count(loss, delta float64) {
	if !p.Seen && !math.IsNaN(loss) || loss < p.Loss-delta {
		*p = patience{Loss: loss, Seen: true}
		return
	}
	p.Stale++
}

// countStale counts the evaluations in a row that did not improve the loss by early_stop_delta.
func (v *evaluation) countStale(step int, loss float64) {
	if v.heldout != nil && v.rounded(step) {
		v.patience.count(loss, v.options.EarlyStopDelta)
	}
}

// stalled returns the reason to end the run before max_steps, or "" to go on.
func (v *evaluation) stalled() string {
	o, p := v.options, v.patience
	if o.EarlyStopPatience == 0 || p.Stale < o.EarlyStopPatience {
		return ""
	}
	return fmt.Sprintf("the held-out loss has not fallen below %.4f by more than %g in %d evaluations "+
		"(early_stop_patience)", p.Loss, o.EarlyStopDelta, p.Stale)
}
