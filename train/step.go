package train

import (
	"math"

	"trit/data"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
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
	rewarm       *rewarm // nil unless the run was extended while its rate fell
}

// batches gives one batch after another, as *data.Loader does.
type batches interface {
	Next(*data.Batch) error
}

// gradient is the result of the micro-batches of a step on all ranks.
type gradient struct {
	loss float64 // mean over the targets, nats a token
	norm float64 // length of the gradient of that mean
	// scale times the sum that the micro-batches leave is the gradient of the mean. The graph
	// divides by the number of all positions of a micro-batch, also those without a target;
	// scale gives every target the same weight.
	scale float64
}

// gradient runs this rank's micro-batches of a step and adds the gradients of all ranks up.
func (s *stepper) gradient(step int) (g gradient, err error) {
	s.decoder.SetQuantization(s.options.lambda(step))
	run, nats, targets := s.decoder.Run, 0.0, 0.0
	for i := range s.microBatches {
		s.decoder.Accumulate(i > 0)
		if err := s.batches.Next(&s.batch); err != nil {
			return g, err
		}
		setBatch(s.decoder, &s.batch)
		s.decoder.SetDropout(s.options.dropoutKey(step, i*s.share.comm.Size()+s.share.comm.Rank()))
		if i == s.microBatches-1 {
			run = s.runLast
		}
		loss, err := run()
		if err != nil {
			return g, err
		}
		nats += float64(loss) * float64(s.decoder.Scored())
		targets += float64(s.decoder.Scored())
	}
	squares := s.share.sumSquares()
	err = ranks.AllReduce(s.share.comm, &nats, &targets, &squares)
	targets = max(targets, 1)
	g.loss, g.scale = nats/targets, float64(s.options.BatchSize*s.options.SequenceLength)/targets
	g.norm = math.Sqrt(squares) * g.scale
	return g, err
}

func setBatch(d *graph.Decoder, b *data.Batch) {
	copy(d.Tokens(), b.Tokens)
	copy(d.Targets(), b.Targets)
	copy(d.Starts(), b.Starts)
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
	rate, decay = s.options.rates(step, s.rewarm)
	return rate, decay, s.share.update(rate, decay, g.scale*optim.ClipScale(g.norm, s.options.MaxGradNorm))
}
