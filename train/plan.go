package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"trit/optim"
	"trit/setting"
	"trit/train/checkpoint"
	"trit/train/ranks"
	"trit/train/runlog"
)

// plan sets the number of steps where it is open: of a new run that fills a time, and of one that
// is extended.
func (t *trainer) plan() error {
	x, o := t.saving.extension, &t.run.Options
	switch {
	case x == nil && o.MaxSteps > 0:
		return nil
	case x == nil && t.run.MaxTime == 0: // there was nothing to resume
		return noEnd()
	case x == nil:
		return t.chooseSteps(t.run.MaxTime)
	case x.Wanted > 0:
		o.MaxSteps = x.Wanted
		return t.extend(x)
	}
	steps, err := t.stepsFor(t.run.MaxTime)
	if err != nil {
		return err
	}
	back, _, err := t.saving.restore() // measuring has moved the moments
	if err != nil {
		return err
	}
	o.MaxSteps = x.From + steps
	return errors.Join(t.goTo(back), t.extend(x))
}

// chooseSteps sets max_steps of a new run so that it fills the budget.
func (t *trainer) chooseSteps(budget time.Duration) error {
	steps, err := t.stepsFor(budget)
	if err != nil {
		return err
	}
	t.share.optimizer.Reset()
	t.run.Options.MaxSteps = steps
	return t.run.Options.Validate()
}

// stepsFor measures the time of a step and returns the number of steps that fill the budget, at
// least 1. The first step warms up and is not counted. 13 % of the budget are left for evaluations
// and for variations of speed. Moments and running mean are other ones afterwards.
func (t *trainer) stepsFor(budget time.Duration) (steps int, err error) {
	state := t.loader.State()
	var start time.Time
	const measured = 3
	for i := range measured + 1 {
		if i == 1 {
			start = time.Now()
		}
		if _, err := t.step.gradient(t.at.step); err != nil {
			return 0, err
		}
		if err := t.share.update(0, 0, 1); err != nil { // moves no weight
			return 0, err
		}
	}
	perStep := time.Since(start) / measured
	if t.run.Options.Objective == DPO { // the reference goes forward through the same pairs before
		perStep += perStep / 3
	}
	steps = max(1, int(float64(budget)*0.87/float64(perStep)))
	return steps, errors.Join(ranks.Broadcast(t.share.comm, &steps), t.loader.Restore(state))
}

// extension is that a run gets another number of steps than it was begun with.
type extension struct {
	From   int     `json:"from"`   // step of the checkpoint that the run goes on from
	At     int     `json:"at"`     // step of its newest checkpoint
	Steps  int     `json:"steps"`  // max_steps before
	Wanted int     `json:"wanted"` // max_steps from now on; 0: as many as fill the time
	Exact  bool    `json:"exact"`  // both plans have the same rates up to From
	Rate   float64 `json:"rate"`   // of the last step before From
	Best   *Best   `json:"best"`   // of the newest checkpoint
	Why    string  `json:"why"`    // the rule that is followed, for people
}

// rewarm is how the rate of an extended run gets from where it had fallen to, to the one of the
// longer plan: in a line from step From on, over some steps.
type rewarm struct {
	From  int     `json:"from"`
	Rate  float64 `json:"rate"` // of the step before From
	Steps int     `json:"steps"`
}

// rates are learning rate and weight decay of a step, counted from 0.
func (o Options) rates(step int, w *rewarm) (rate, decay float64) {
	rate, decay = o.schedule().At(step)
	if w != nil && step >= w.From && step < w.From+w.Steps {
		rate = w.Rate + (rate-w.Rate)*float64(step-w.From+1)/float64(w.Steps)
	}
	return rate, decay
}

// sameRates is the number of steps from the first one on, and of at most most, for which o and a
// plan of another number of steps have the same rates, and round alike.
func (o Options) sameRates(steps, most int) int {
	other := o
	other.MaxSteps = steps
	a, b := o.schedule(), other.schedule()
	for step := range most {
		rate, decay := a.At(step)
		if r, d := b.At(step); r != rate || d != decay || o.lambda(step) != other.lambda(step) {
			return step
		}
	}
	return most
}

// returnStep is the step whose checkpoint is kept so that the run can be extended as if it had been
// planned longer: the one before the decay of wsd. 0: none is kept.
func (o Options) returnStep() int {
	if o.LRSchedule != optim.WSD {
		return 0
	}
	return o.schedule().DecayBegins()
}

// planExtension decides from which checkpoint a run gets the wanted number of steps. newest is its
// newest checkpoint, before are the options in it. It returns nil if the plan stays.
func (s *saving) planExtension(newest *checkpoint.Loaded, before Options) (*extension, error) {
	at, wanted := newest.State.Step, *s.wanted
	switch {
	case wanted == before.MaxSteps, wanted == 0 && at < before.MaxSteps:
		return nil, nil
	case wanted > 0 && wanted <= at:
		return nil, setting.Needs("train.Options.MaxSteps",
			fmt.Sprintf("{train.Options.MaxSteps} is %d, but the run is at step %d of %d", wanted, at, before.MaxSteps),
			fmt.Sprintf("set {train.Options.MaxSteps} to more than %d", at))
	}
	now, err := readState(newest.Dir, newest.State)
	if err != nil {
		return nil, err
	}
	if p := (&evaluation{options: s.options, patience: now.Memory.Patience}); p.stalled() != "" {
		return nil, nil
	}
	x := &extension{From: at, At: at, Steps: before.MaxSteps, Wanted: wanted, Best: now.Memory.Best}
	return x, x.choose(s.dir, before, now.Memory.Rewarm)
}

// choose sets the checkpoint to go on from, and the rule.
func (x *extension) choose(run string, before Options, w *rewarm) error {
	planned, oldest, result := x.Wanted, 0, "the weights will be those of a run that was planned so"
	if planned == 0 {
		planned = 2 * x.Steps
	}
	if w != nil { // the steps before it followed another plan
		oldest, result = w.From, fmt.Sprintf("the weights will be those of a run that was given this plan at step %d", w.From)
	}
	if x.Rate, _ = before.rates(max(x.At-1, 0), w); w != nil && x.At <= w.From {
		x.Rate = w.Rate // extended again before it took a step
	}
	same := before.sameRates(planned, x.At)
	if x.Exact = same >= x.At || x.At == 0; x.Exact {
		x.Why = "up to here both plans have the same rates, so " + result
		return nil
	}
	x.Why = fmt.Sprintf("the rates so far depend on the number of steps (lr_schedule %s), so the run goes on from its "+
		"newest checkpoint", before.LRSchedule)
	if before.LRSchedule != optim.WSD {
		return nil
	}
	steps, err := checkpoint.Steps(run)
	if err != nil {
		return err
	}
	x.From = -1
	for _, step := range steps {
		if step >= oldest && step <= same {
			x.From = step
		}
	}
	if x.Exact = x.From >= 0; x.Exact {
		x.Why = fmt.Sprintf("it was at step %d and is taken back to the checkpoint of step %d, before the rate fell, so %s",
			x.At, x.From, result)
		return nil
	}
	x.From = x.At
	x.Why = fmt.Sprintf("the rates of both plans differ from step %d on, and no checkpoint from before is left, so the "+
		"run goes on from its newest one", same)
	return nil
}

// extend gives the run its new plan. First the checkpoint that the run goes on from gets it, then
// the newer ones go: a run that is killed in between is as it was, or goes on with the new plan.
func (t *trainer) extend(x *extension) error {
	o := &t.run.Options
	before := *o
	before.MaxSteps = x.Steps
	if x.Exact && before.sameRates(o.MaxSteps, x.From) < x.From {
		return setting.Needs("train.Run.MaxTime", fmt.Sprintf("the run is taken back to step %d, before its decay, and "+
			"a plan of %d steps has other rates up to there", x.From, o.MaxSteps), "give it more {train.Run.MaxTime}")
	}
	if err := o.Validate(); err != nil {
		return err
	}
	if t.evaluation.best = x.Best; !x.Exact {
		warmUp := min(o.WarmupSteps, (o.MaxSteps-x.From)/2)
		t.step.rewarm = &rewarm{From: x.From, Rate: x.Rate, Steps: warmUp}
	}
	now, err := t.snapshot()
	if err != nil {
		return err
	}
	left, err := t.saving.replan(now)
	if err != nil {
		return err
	}
	t.extended = fmt.Sprintf("from step %d on the run has %d steps instead of %d: %s", x.From, o.MaxSteps, x.Steps, x.Why)
	if w := t.step.rewarm; !x.Exact {
		t.extended += fmt.Sprintf(", and its rate goes from %.3g to the one of the new plan over %d steps", w.Rate, w.Steps)
	}
	if left != "" {
		t.extended += fmt.Sprintf("; the model of step %d is kept as %s", x.At, filepath.Join(t.run.OutDir, left))
	}
	t.saving.extension = nil
	return nil
}

// replan writes options and memory of now to the checkpoint of its step, and removes the newer ones;
// see checkpoint.Leave.
func (s *saving) replan(now *snapshot) (left string, err error) {
	if !s.share.isRank0() {
		return "", nil
	}
	state, err := s.state(now)
	if err != nil {
		return "", err
	}
	err = checkpoint.UpdateState(s.dir, now.Step, func(c *checkpoint.State) {
		c.Options, c.Loop = state.Options, state.Loop
	})
	if err != nil {
		return "", err
	}
	return checkpoint.Leave(s.dir, now.Step, runlog.LogFile)
}

// openExtension opens the checkpoint that the run goes on from with its new plan. newest is the
// newest one, and stays open if it is that.
func (s *saving) openExtension(newest *checkpoint.Loaded) (c *checkpoint.Loaded, err error) {
	before, err := optionsOf(newest.Dir, newest.State)
	if err == nil {
		s.extension, err = s.planExtension(newest, before)
	}
	if s.wanted = nil; err != nil {
		return newest, err
	}
	if s.extension == nil || s.extension.From == s.extension.At {
		return newest, nil
	}
	if c, err = checkpoint.LoadUpTo(s.dir, s.extension.From); err != nil {
		return newest, err
	}
	c.Damaged = append(newest.Damaged, c.Damaged...)
	return c, newest.Close()
}
