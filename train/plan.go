package train

import (
	"errors"
	"time"

	"trit/train/ranks"
)

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
	steps = max(1, int(float64(budget)*0.87/float64(perStep)))
	return steps, errors.Join(ranks.Broadcast(t.share.comm, &steps), t.loader.Restore(state))
}
