package train

import (
	"fmt"
	"math"
)

// What a run does when its Guard finds a step bad. A loss or a gradient that is not a
// number always ends it, or takes it back.
const (
	SpikeWarn     = "warn"     // logs it
	SpikeStop     = "stop"     // ends with an error; the last checkpoint stands
	SpikeRollback = "rollback" // goes back to the last checkpoint, and on behind the data that led to the step
)

// Guard judges each step by its loss and the norm of its gradient, before the weights
// move. What encoding/json makes of it is kept in checkpoints and read into it again,
// so that a resumed run judges as one that was never stopped.
type Guard interface {
	Observe(step int, loss, gradNorm float64) (finding string, bad bool)
}

// spikes is the Guard of a run that is given none: a loss far above the last ones.
type spikes struct {
	Losses []float64 `json:"losses"`
}

const (
	spikeWindow     = 100 // losses that are looked at,
	spikeLeast      = 20  // and how many there must be to judge
	spikeDeviations = 6
	spikeFactor     = 1.5
)

// Observe finds losses that exceed the mean of the last ones by six standard deviations
// and by half. A loss that is found counts too, so that one that stays becomes usual.
func (s *spikes) Observe(_ int, loss, _ float64) (finding string, bad bool) {
	mean, deviation := meanAndDeviation(s.Losses)
	bad = len(s.Losses) >= spikeLeast && loss > mean+spikeDeviations*deviation && loss > spikeFactor*mean
	if bad {
		finding = fmt.Sprintf("the loss is %.4g, after a mean of %.4g with a standard deviation of %.2g over %d steps", loss, mean, deviation, len(s.Losses))
	}
	s.Losses = append(s.Losses[max(0, len(s.Losses)-spikeWindow+1):], loss)
	return finding, bad
}

func meanAndDeviation(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(deviation)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// judge looks at the step that is about to be taken. It tells whether to take it.
func (t *trainer) judge(loss, norm float64) (take bool, err error) {
	broken := !finite(loss) || !finite(norm)
	finding, bad := fmt.Sprintf("the loss is %g and the gradient norm %g", loss, norm), broken
	if !broken {
		finding, bad = t.guard.Observe(t.step+1, loss, norm)
	}
	how := t.run.Options.OnSpike
	switch {
	case !bad:
		return true, nil
	case how == SpikeRollback:
		return false, t.rollback(finding)
	case broken || how == SpikeStop:
		return false, fmt.Errorf("step %d: %s: the run stops before it ruins the weights; the last checkpoint stands, resume with on_spike=%s, or begin another run with a lower learning_rate", t.step+1, finding, SpikeRollback)
	}
	return true, t.log.write(Event{Event: "spike", Step: t.step + 1, Tokens: t.tokens, Loss: loss, GradNorm: norm, Note: finding})
}
