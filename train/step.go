package train

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"trit/data"
	"trit/optim"
	"trit/train/distill"
	"trit/train/graph"
	"trit/train/preference"
	"trit/train/ranks"
	"trit/train/runlog"
)

// stepper takes the steps of a run: it runs batches through the graph, sends gradients to the
// ranks that own them, and moves the weights. Bench times the same code.
type stepper struct {
	options      *Options
	share        *sharing
	decoder      *graph.Decoder
	batches      batches
	microBatches int // number of micro-batches of this rank in a step
	batch        data.Batch
	reference    *preference.Reference // of a run that learns from pairs, once it is prepared
	timeShare    *float64              // at which the next step is taken; nil in a plan of steps
	rewarm       *rewarm               // nil unless the run was extended while its rate fell
	teacher      distill.Teacher       // nil: there is none
}

// batches gives one batch after another, as *data.Loader does.
type batches interface {
	Next(*data.Batch) error
}

// gradient is the result of the micro-batches of a step on all ranks.
type gradient struct {
	loss   float64 // mean over the targets, nats a token; over the pairs of a run that learns from them
	pairs  preference.Figures
	taught         // the parts of loss, of a run with a teacher
	norm   float64 // length of the gradient of that mean
	// scale times the sum that the micro-batches leave is the gradient of the mean. The graph
	// divides by the number of all positions of a micro-batch, also those without a target;
	// scale gives every target, or pair, the same weight.
	scale float64
}

// gradient runs this rank's micro-batches of a step and adds the gradients of all ranks up.
func (s *stepper) gradient(step int) (g gradient, err error) {
	s.decoder.SetRounding(s.options.rounding(step))
	run, nats, targets := s.decoder.Run, 0.0, 0.0
	var sums taught
	for i := range s.microBatches {
		s.decoder.Accumulate(i > 0)
		if err := s.batches.Next(&s.batch); err != nil {
			return g, err
		}
		if err := setPairs(s.decoder, &s.batch, s.reference); err != nil {
			return g, err
		}
		if s.teacher != nil {
			if err := s.teacher.Read(&s.batch); err != nil {
				return g, err
			}
		}
		s.decoder.SetKey(s.options.randomKey(step, i*s.share.comm.Size()+s.share.comm.Rank()))
		if i == s.microBatches-1 {
			run = s.runLast
		}
		loss, err := run()
		if err != nil {
			return g, err
		}
		nats += float64(loss) * float64(s.decoder.Scored())
		targets += float64(s.decoder.Scored())
		g.pairs.Add(s.decoder.Pairs())
		sums.add(s.decoder)
	}
	squares := s.share.sumSquares()
	err = ranks.AllReduce(s.share.comm, append(g.pairs.Sums(), &nats, &targets, &squares, &sums.kl, &sums.relations)...)
	targets = max(targets, 1)
	g.loss, g.scale = nats/targets, float64(s.options.BatchSize*s.options.SequenceLength)/targets
	g.norm = math.Sqrt(squares) * g.scale
	if s.teacher != nil {
		g.taught = taught{g.loss, sums.kl / targets, sums.relations / targets}
		g.loss = s.options.taughtLoss(g.taught)
	}
	return g, err
}

func setBatch(d *graph.Decoder, b *data.Batch) {
	copy(d.Tokens(), b.Tokens)
	copy(d.Targets(), b.Targets)
	copy(d.Starts(), b.Starts)
}

// setPairs is setBatch with what the reference gives for the rows, if there is one.
func setPairs(d *graph.Decoder, b *data.Batch, r *preference.Reference) error {
	setBatch(d, b)
	if r != nil && !r.Fill(d.Reference(), b) {
		return fmt.Errorf("%s lacks a pair of the data, which it was made for: the data or their order have changed",
			preference.File)
	}
	return nil
}

// prepareReference makes known what the reference of a run that learns from pairs gives for all
// pairs that the run will read.
func (t *trainer) prepareReference() error {
	o := &t.run.Options
	if o.Objective != DPO {
		return nil
	}
	job := &preference.Job{Comm: t.share.comm, Path: filepath.Join(t.run.OutDir, preference.File), Dataset: t.dataset,
		Params: t.share.params, Decoder: t.step.decoder, Rounding: o.rounding(0), Begun: t.at.step > 0, Batches: t.eachBatch,
		Note: func(text string) error {
			e := t.at.event(runlog.ReferenceEvent)
			e.Note = text
			return t.recording.write(e)
		}}
	r, err := job.Prepare()
	t.step.reference, t.evaluation.reference = r, r
	return err
}

// eachBatch calls use with the batches of this rank that the run will read: those of its steps, of
// the whole first epoch at most, and all of the held-out data. A run that a spike takes back reads on,
// so it may read all.
func (t *trainer) eachBatch(use func(*data.Batch) error) error {
	state, n := t.loader.State(), max(t.run.Options.MaxSteps, t.clock.Most)*t.step.microBatches
	t.loader.Rewind()
	for i := 0; (i < n || t.run.Options.OnSpike == SpikeRollback) && t.loader.Epoch() == 0; i++ {
		if err := t.loader.Next(&t.step.batch); err != nil {
			return err
		}
		if err := use(&t.step.batch); err != nil {
			return err
		}
	}
	if err := t.loader.Restore(state); err != nil || t.evaluation.heldout == nil {
		return err
	}
	t.evaluation.heldout.Rewind()
	for {
		switch err := t.evaluation.heldout.Next(&t.step.batch); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := use(&t.step.batch); err != nil {
			return err
		}
	}
}

// runLast runs the last micro-batch of a step. Gradients that are final go to the other
// ranks while the backward pass goes on.
func (s *stepper) runLast() (loss float32, err error) {
	x := s.share.exchange
	x.Begin()
	s.decoder.OnGradient(func(names ...string) {
		for _, n := range names {
			x.Add(n, s.decoder.Grad(n))
		}
	})
	defer s.decoder.OnGradient(nil)
	if loss, err = s.decoder.Run(); err != nil {
		x.Drop()
		return 0, err
	}
	return loss, x.Wait()
}

// update moves the weights of all ranks by a gradient that is clipped, with the rate and the
// weight decay of the step, which it returns.
func (s *stepper) update(step int, g gradient) (rate, decay float64, err error) {
	rate, decay = s.options.rates(step, s.timeShare, s.rewarm)
	return rate, decay, s.share.update(rate, decay, g.scale*optim.ClipScale(g.norm, s.options.MaxGradNorm))
}
