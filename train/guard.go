package train

import (
	"errors"
	"fmt"

	"trit/train/runlog"
)

// SpikePolicy is what a run does when its Guard finds a step bad. A loss or a gradient that is
// not a number always ends the run, or takes it back.
type SpikePolicy string

// Policies about spikes.
const (
	SpikeWarn     SpikePolicy = "warn"     // logs it
	SpikeStop     SpikePolicy = "stop"     // ends with an error; the last checkpoint stands
	SpikeRollback SpikePolicy = "rollback" // restores the last checkpoint, and leaves out the data since then
)

// Guard judges each step by its loss and the norm of its gradient, before the weights
// move. What encoding/json makes of it is kept in checkpoints and read into it again,
// so that a resumed run judges as one that was never stopped.
type Guard interface {
	Observe(step int, loss, gradNorm float64) (finding string, bad bool)
}

// newGuard is the Guard of a run that is given none.
func newGuard() Guard { return &runlog.Spikes{} }

// judge asks the guard about the next step and reports whether to take it. A step whose loss or
// gradient is not finite is never taken, whatever the guard says.
func (t *trainer) judge(g gradient) (take bool, err error) {
	finding, broken := runlog.NotFiniteStep(g.loss, g.norm)
	bad := broken
	if !broken {
		finding, bad = t.guard.Observe(t.at.step+1, g.loss, g.norm)
	}
	how := t.run.Options.OnSpike
	switch {
	case !bad:
		return true, nil
	case how == SpikeRollback:
		return false, t.rollback(finding)
	}
	e := Event{Event: runlog.SpikeEvent, Step: t.at.step + 1, Tokens: t.at.tokens, Note: finding}
	if !broken {
		e.Loss, e.GradNorm = g.loss, g.norm // JSON has no NaN
	}
	err = t.recording.write(e)
	if broken || how == SpikeStop {
		return false, errors.Join(diverged(e.Step, finding), err)
	}
	return true, err
}

// DivergedError is the end of a run whose loss is no number, or jumped once too often.
type DivergedError struct {
	Step    int
	Finding string // what is wrong
	Outcome string // what the run does, and the way out
}

// Error says what happened, and the way out.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("step %d: %s: %s", e.Step, e.Finding, e.Outcome)
}

// diverged is the error of a run that stops.
func diverged(step int, finding string) error {
	return &DivergedError{step, finding, fmt.Sprintf("the run stops here; the last checkpoint stands, resume with "+
		"on_spike=%s, or begin another run with a lower learning_rate", SpikeRollback)}
}

// rollback restores the last checkpoint but not its position in the data: the batches since
// then are left out.
func (t *trainer) rollback(finding string) error {
	now, err := t.snapshot()
	if err != nil {
		return err
	}
	back, note, warnings, err := t.saving.rollback(now, finding)
	if err != nil {
		return err
	}
	if err := t.goTo(back); err != nil {
		return err
	}
	t.recording.restart(t.at)
	e := t.at.event(runlog.RollbackEvent)
	e.Note = note
	return errors.Join(t.recording.warn(t.at, warnings), t.recording.write(e))
}
