package runlog

import (
	"fmt"
	"math"
)

// Spikes finds losses far above the last ones. It is the only judge of losses: runs guard their
// steps with it, and the reader of a log whose run did not judges the lines with it. Its JSON
// form is its whole state, which runs keep in their checkpoints.
type Spikes struct {
	Losses []float64 `json:"losses"` // the last ones, oldest first
}

const (
	spikeWindow     = 100 // losses that are compared with,
	spikeLeast      = 20  // and the fewest that allow a judgement
	spikeDeviations = 6
	spikeFactor     = 1.5
)

// Observe finds a loss that exceeds the mean of the last 100 by six standard deviations and
// by half, and one that is not a finite number. A loss that is found counts among the last
// ones too, so that a level that stays becomes usual; one that is not finite does not count.
func (s *Spikes) Observe(_ int, loss, gradNorm float64) (finding string, bad bool) {
	if finding, bad = NotFiniteStep(loss, gradNorm); bad {
		return finding, bad
	}
	mean, deviation := meanAndDeviation(s.Losses)
	bad = len(s.Losses) >= spikeLeast && loss > mean+spikeDeviations*deviation && loss > spikeFactor*mean
	if bad {
		finding = fmt.Sprintf("the loss is %.4g, after a mean of %.4g with a standard deviation of %.2g "+
			"over the last %d losses", loss, mean, deviation, len(s.Losses))
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

// NotFiniteStep finds a loss or a gradient that is NaN or infinite: such a step would ruin
// the weights.
func NotFiniteStep(loss, gradNorm float64) (finding string, bad bool) {
	if finite(loss) && finite(gradNorm) {
		return "", false
	}
	return fmt.Sprintf("the loss is %g and the gradient norm %g", loss, gradNorm), true
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
