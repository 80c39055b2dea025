package train

import (
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"trit/optim"
	"trit/setting"
	"trit/train/checkpoint"
	"trit/train/clock"
	"trit/train/runlog"
)

// extension is that a run gets another number of steps than it was begun with.
type extension struct {
	From   int     `json:"from"`   // step of the checkpoint that the run goes on from
	At     int     `json:"at"`     // step of its newest checkpoint
	Steps  int     `json:"steps"`  // max_steps before; 0: the run was to fill a time
	Wanted int     `json:"wanted"` // max_steps from now on; 0: the run fills a time
	Exact  bool    `json:"exact"`  // both plans have the same rates up to From
	Rate   float64 `json:"rate"`   // of the last step before From
	Filled float64 `json:"filled"` // seconds that the run was to fill; 0: it had a plan of steps
	Best   *Best   `json:"best"`   // of the newest checkpoint
	Why    string  `json:"why"`    // the rule that is followed, for people
}

// planExtension decides from which checkpoint a run gets the wanted number of steps. newest is its
// newest checkpoint, before are the options in it. It returns nil if the plan stays.
func (s *saving) planExtension(newest *checkpoint.Loaded, before Options) (*extension, error) {
	at, wanted := newest.State.Step, *s.wanted
	switch {
	case wanted == before.MaxSteps, wanted == 0 && (at < before.MaxSteps || before.MaxSteps == 0):
		return nil, nil
	case wanted > 0 && wanted <= at:
		return nil, setting.Needs("train.Options.MaxSteps",
			fmt.Sprintf("{train.Options.MaxSteps} is %d, but the run is at step %d", wanted, at),
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
	if before.MaxSteps == 0 {
		x.Filled = now.Memory.Clock.Budget
	}
	shares, err := takenShares(s.dir, at, now.Memory.Clock)
	if err != nil {
		return nil, err
	}
	return x, x.choose(s.dir, before, shares, now.Memory.Rewarm)
}

// takenShares are the shares of the time at which the steps of a run were taken up to a checkpoint, by
// the number of the step, counted from 0. Steps that were planned have none.
func takenShares(run string, at int, c *clock.State) (shares map[int]float64, err error) {
	if c == nil || c.Taken == 0 {
		return nil, nil
	}
	log, err := runlog.Open(run)
	if err != nil {
		return nil, err
	}
	shares = log.Shares()
	maps.DeleteFunc(shares, func(step int, _ float64) bool { return step >= at })
	for i, share := range c.Shares {
		shares[at-len(c.Shares)+i] = share
	}
	if len(shares) != c.Taken {
		return nil, fmt.Errorf("%s has the share of the time for %d of the %d steps that were taken by it, so nobody knows "+
			"their rates: the log has lost lines", filepath.Join(run, runlog.LogFile), len(shares), c.Taken)
	}
	return shares, nil
}

// choose sets the checkpoint to go on from, and the rule.
func (x *extension) choose(run string, before Options, shares map[int]float64, w *rewarm) error {
	planned, oldest, result := x.Wanted, 0, "the weights will be those of a run that was planned so"
	if planned == 0 {
		planned = 2 * max(x.Steps, x.At)
	}
	if w != nil { // the steps before it followed another plan
		oldest, result = w.From, fmt.Sprintf("the weights will be those of a run that was given this plan at step %d", w.From)
	}
	last := max(x.At-1, 0)
	if x.Rate, _ = before.rates(last, shareAt(shares, last), w); w != nil && x.At <= w.From {
		x.Rate = w.Rate // extended again before it took a step
	}
	same := before.sameRates(shares, planned, x.At)
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

// extendByTime gives the run more time, in which its plan goes on from the share of all its time that it
// has used. How long its steps took is measured if the run is from before there was a clock.
func (t *trainer) extendByTime(x *extension) error {
	t.run.Options.MaxSteps, t.deadline = 0, time.Time{}
	pairs, unknown, seconds := t.run.Options.Objective == DPO, t.clock.Before() == 0, 0.0
	if pairs || unknown {
		var err error
		if seconds, err = t.stepSeconds(); err != nil {
			return err
		}
		back, _, err := t.saving.restore() // measuring has moved the moments
		if err != nil {
			return err
		}
		if err := t.goTo(back); err != nil {
			return err
		}
	}
	if unknown {
		t.clock.SetBefore(seconds * float64(x.From))
	}
	used := t.clock.Before()
	all := used + t.run.MaxTime.Seconds()
	t.clock.Fill(all, used/all, x.From)
	if pairs {
		if err := t.limitPairs(seconds); err != nil {
			return err
		}
	}
	return t.extend(x)
}

// end says when the run ends.
func (t *trainer) end() string { return endOf(t.run.Options.MaxSteps, t.clock.Budget) }

func endOf(steps int, seconds float64) string {
	if steps > 0 {
		return fmt.Sprintf("%d steps", steps)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// extend gives the run its new plan. First the checkpoint that the run goes on from gets it, then
// the newer ones go: a run that is killed in between is as it was, or goes on with the new plan.
func (t *trainer) extend(x *extension) error {
	o := &t.run.Options
	if x.Exact && o.MaxSteps == 0 && o.LRSchedule == optim.WSD && t.clock.Share >= o.StageSwitch {
		return setting.Needs("train.Run.MaxTime", fmt.Sprintf("the run is taken back to step %d, before its decay, and "+
			"a plan of %.0f seconds has lower rates up to there", x.From, t.clock.Budget), "give it more {train.Run.MaxTime}")
	}
	if err := o.Validate(); err != nil {
		return err
	}
	if t.evaluation.best = x.Best; !x.Exact {
		t.step.rewarm = &rewarm{From: x.From, Rate: x.Rate, Steps: o.WarmupSteps, Share: t.clock.Share}
		if o.MaxSteps > 0 {
			t.step.rewarm.Steps, t.step.rewarm.Share = min(o.WarmupSteps, (o.MaxSteps-x.From)/2), 0
		}
	}
	t.run.Shares, t.run.Repeats = nil, ""
	now, err := t.snapshot()
	if err != nil {
		return err
	}
	left, err := t.saving.replan(now)
	if err != nil {
		return err
	}
	t.extended = fmt.Sprintf("from step %d on the run has %s instead of %s: %s", x.From, t.end(),
		endOf(x.Steps, x.Filled), x.Why)
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
