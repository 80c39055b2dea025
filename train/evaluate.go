package train

import (
	"errors"
	"io"
	"math"

	"trit/train/ranks"
)

// evaluate measures the held-out data, all of it for batches 0, with the running mean of
// the weights where there is one, logs it, and keeps the model if it is the best so far.
func (t *trainer) evaluate(batches int) (e Event, err error) {
	e = Event{Event: "eval", Step: t.step, Tokens: t.tokens}
	if t.heldout == nil {
		return e, nil
	}
	if err := t.swapAverage(); err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, t.swapAverage()) }()
	all, first, err := t.measure(batches)
	if err != nil {
		return e, err
	}
	e.Loss, e.BitsPerByte = all.loss(), all.bitsPerByte()
	e.Perplexity = math.Exp(e.Loss)
	if err := t.log.write(e); err != nil || !t.rounded() {
		return e, err
	}
	return e, t.keepBest(first)
}

// rounded tells whether evaluations are of the model that would be packed: while the
// rounding is not in force yet a lower loss means nothing for that.
func (t *trainer) rounded() bool {
	return !t.run.Model.Ternary || t.run.Options.lambda(t.step) >= 1
}

// score adds up what batches of held-out data cost.
type score struct{ nats, bytes, tokens float64 }

func (s score) loss() float64        { return s.nats / max(s.tokens, 1) }
func (s score) bitsPerByte() float64 { return s.nats / math.Ln2 / max(s.bytes, 1) }

// measure scores the held-out data, all of it for batches 0, and by the way its first
// eval_batches, which every evaluation sees, so that those can be compared. Each rank
// scores its batches of the data.
func (t *trainer) measure(batches int) (all, first score, err error) {
	t.heldout.Rewind()
	t.decoder.SetQuantization(t.run.Options.lambda(t.step))
	compared := t.run.Options.EvalBatches
	for i := t.share.Rank(); batches == 0 || i < batches; i += t.share.Size() {
		err := t.heldout.Next(&t.batch)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return all, first, err
		}
		setBatch(t.decoder, &t.batch)
		if _, err := t.decoder.Evaluate(); err != nil {
			return all, first, err
		}
		for j, l := range t.decoder.TokenLosses() {
			if t.batch.Targets[j] >= 0 {
				all.nats += float64(l)
				all.tokens++
			}
		}
		all.bytes += t.batch.Bytes
		if compared == 0 || i < compared {
			first = all
		}
	}
	return all, first, ranks.Sum(t.share, &all.nats, &all.bytes, &all.tokens, &first.nats, &first.bytes, &first.tokens)
}
