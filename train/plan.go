package train

import (
	"errors"
	"time"

	"trit/train/ranks"
)

// chooseSteps measures the time of a step and sets max_steps so that the run fills the budget.
// The first step warms up and is not counted. 13 % of the budget are left for evaluations and
// for variations of speed.
func (t *trainer) chooseSteps(budget time.Duration) error {
	state := t.loader.State()
	var start time.Time
	const measured = 3
	for i := range measured + 1 {
		if i == 1 {
			start = time.Now()
		}
		if _, err := t.step.gradient(t.at.step); err != nil {
			return err
		}
		if err := t.share.update(0, 0, 1); err != nil { // moves nothing but the moments
			return err
		}
	}
	t.share.optimizer.Reset()
	perStep := time.Since(start) / measured
	o := &t.run.Options
	o.MaxSteps = max(1, int(float64(budget)*0.87/float64(perStep)))
	if err := ranks.Broadcast(t.share.comm, &o.MaxSteps); err != nil {
		return err
	}
	return errors.Join(t.loader.Restore(state), o.Validate())
}
