package train

import (
	"errors"
	"time"

	"trit/optim"
	"trit/train/ranks"
)

// plan sets the end of the run where it is open: of a new run that fills a time, and of one that is
// extended.
func (t *trainer) plan() error {
	x, o := t.saving.extension, &t.run.Options
	switch {
	case x != nil && x.Wanted > 0:
		o.MaxSteps, t.clock.Budget = x.Wanted, 0
		return t.extend(x)
	case x != nil:
		return t.extendByTime(x)
	case o.MaxSteps > 0 || t.clock.Filling():
		return nil
	case t.run.MaxTime == 0: // there was nothing to resume
		return noEnd()
	}
	t.deadline = time.Time{} // the time is the plan, not its limit
	t.clock.Fill(t.run.MaxTime.Seconds(), 0, 0)
	if o.Objective != DPO {
		return nil
	}
	seconds, err := t.stepSeconds()
	if err != nil {
		return err
	}
	t.share.optimizer.Reset()
	return t.limitPairs(seconds)
}

// limitPairs ends a run that learns from pairs and fills a time with a number of steps at the latest,
// since the reference says before what it gives for their pairs. It takes a third of the time of a step
// for each. There are a fifth more steps than fit if the speed stays as it is.
func (t *trainer) limitPairs(stepSeconds float64) error {
	most := t.at.step + max(1, int(1.2*t.clock.Left(0)/(stepSeconds*4/3)))
	err := ranks.Broadcast(t.share.comm, &most)
	t.clock.Most = most
	return err
}

// stepSeconds measures how long a step takes. The first step warms up and is not counted. Moments and
// running mean are other ones afterwards.
func (t *trainer) stepSeconds() (seconds float64, err error) {
	state := t.loader.State()
	var start time.Time
	const measured = 3
	for i := range measured + 1 {
		if i == 1 {
			start = t.run.clockNow()
		}
		if _, err := t.step.gradient(t.at.step); err != nil {
			return 0, err
		}
		if err := t.share.update(0, 0, 1); err != nil { // moves no weight
			return 0, err
		}
	}
	seconds = max(t.run.clockNow().Sub(start).Seconds(), 1e-6) / measured
	return seconds, errors.Join(ranks.Broadcast(t.share.comm, &seconds), t.loader.Restore(state))
}

// pace sets the share of the plan at which the next step is taken, the same on all ranks: of the time
// that the run fills, or the one in the log of the run that is repeated. It ends a run whose time is
// over. A plan of steps has no such share.
func (t *trainer) pace() error {
	share, o := 0.0, &t.run.Options
	switch {
	case t.run.Shares != nil:
		share = t.run.Shares[t.at.step]
	case t.clock.Filling():
		if t.share.isRank0() {
			share = t.clock.Next(t.at.step, t.reserve())
		}
		if err := ranks.AllReduce(t.share.comm, &share); err != nil {
			return err
		}
	default:
		t.step.timeShare = nil
		return nil
	}
	if share >= 1 {
		o.MaxSteps = t.at.step
		return t.recording.last(t.at)
	}
	t.step.timeShare = &share
	if o.LRSchedule == optim.WSD && share >= o.StageSwitch && t.clock.Return == 0 && t.at.step > 0 {
		t.clock.Return = t.at.step
		return t.save()
	}
	return nil
}

// reserve is the number of seconds that the run needs after its last step.
func (t *trainer) reserve() float64 {
	seconds := t.evaluation.seconds() + t.saving.seconds()
	if o := &t.run.Options; t.samples != nil && t.sampled == 0 { // as the evaluation, token by token
		return seconds + t.evaluation.perBatch*float64(t.samples.Tokens())/float64(o.BatchSize*o.SequenceLength)
	}
	return seconds + t.sampled
}

// rewarm is how the rate of an extended run gets from where it had fallen to, to the one of the
// longer plan: in a line from step From on, over some steps.
type rewarm struct {
	From  int     `json:"from"`
	Rate  float64 `json:"rate"` // of the step before From
	Steps int     `json:"steps"`
	Share float64 `json:"share,omitempty"` // of the time at From: the rise is over with half of what is left
}

// rates are learning rate and weight decay of a step, counted from 0. share is the share of the time at
// which it is taken, nil in a plan of steps.
func (o Options) rates(step int, share *float64, w *rewarm) (rate, decay float64) {
	s := o.schedule()
	if share == nil {
		rate, decay = s.At(step)
	} else {
		s.Warmup = o.WarmupSteps
		rate, decay = s.Through(step, *share)
	}
	if w == nil || step < w.From || step >= w.From+w.Steps {
		return rate, decay
	}
	risen, of := float64(step-w.From+1), float64(w.Steps)
	if share != nil {
		risen, of = min(1, max(risen/of, 2*(*share-w.Share)/(1-w.Share))), 1
	}
	return w.Rate + (rate-w.Rate)*risen/of, decay
}

// sameRates is the number of steps from the first one on, and of at most most, for which a run and a
// plan of a number of steps have the same rates, and round alike. shares are those of the run's steps that have one.
func (o Options) sameRates(shares map[int]float64, steps, most int) int {
	other := o
	other.MaxSteps = steps
	for step := range most {
		rate, decay := o.rates(step, shareAt(shares, step), nil)
		if r, d := other.rates(step, nil, nil); r != rate || d != decay || o.rounding(step) != other.rounding(step) {
			return step
		}
	}
	return most
}

func shareAt(shares map[int]float64, step int) *float64 {
	if share, ok := shares[step]; ok {
		return &share
	}
	return nil
}

// returnStep is the step whose checkpoint is kept so that a run with a plan of steps can be extended as
// if it had been planned longer: the one before the decay of wsd. 0: none is kept.
func (o Options) returnStep() int {
	if o.LRSchedule != optim.WSD {
		return 0
	}
	return o.schedule().DecayBegins()
}
