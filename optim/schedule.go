package optim

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// ScheduleKind is the shape of a Schedule.
type ScheduleKind string

// Kinds of a Schedule.
const (
	TwoStage ScheduleKind = "two-stage" // the BitNet recipe
	Cosine   ScheduleKind = "cosine"
	WSD      ScheduleKind = "wsd" // warm-up, stable, decay
	Linear   ScheduleKind = "linear"
	Constant ScheduleKind = "constant"
)

// Schedules lists the kinds.
var Schedules = []ScheduleKind{TwoStage, Cosine, WSD, Linear, Constant}

// DecayShape is how the rate of WSD falls.
type DecayShape string

// Shapes of a decay. "WSD" of Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed
// Training Durations" (2024), falls as 1 minus the square root of the share of the decay that is done.
const (
	LinearDecay DecayShape = "linear"
	SqrtDecay   DecayShape = "1-sqrt"
	CosineDecay DecayShape = "cosine"
)

// DecayShapes lists the shapes.
var DecayShapes = []DecayShape{LinearDecay, SqrtDecay, CosineDecay}

// left is the share of the peak that is left when a share of the decay is done.
func (d DecayShape) left(done float64) float64 {
	switch d {
	case SqrtDecay:
		return 1 - math.Sqrt(done)
	case CosineDecay:
		return (1 + math.Cos(math.Pi*done)) / 2
	}
	return 1 - done
}

// Schedule gives learning rate and weight decay of every step. After a linear warm-up
// all kinds but Constant end at MinRate.
//
// Two-stage (The Era of 1-bit LLMs: Training Tips, Code and FAQ): the rate falls
// linearly as if to end at MinRate with the last step; at the switch it drops onto the
// line from Stage2Rate, as if that had fallen all the way, and weight decay goes to
// Stage2Decay. WSD holds the peak up to the switch and then falls in
// the given shape.
type Schedule struct {
	Kind               ScheduleKind
	Steps, Warmup      int
	Rate, Stage2Rate   float64
	MinRate            float64
	Decay, Stage2Decay float64
	Switch             float64    // share of the steps in the first stage
	Shape              DecayShape // of the decay of WSD
}

// joined is a list of words with commas between them.
func joined[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// Validate reports what is wrong with a schedule.
func (s Schedule) Validate() error {
	if !slices.Contains(Schedules, s.Kind) {
		return fmt.Errorf("lr_schedule is %q: want one of %s", s.Kind, joined(Schedules))
	}
	if !slices.Contains(DecayShapes, s.Shape) {
		return fmt.Errorf("lr_decay is %q: want one of %s", s.Shape, joined(DecayShapes))
	}
	if s.Steps < 1 || s.Warmup < 0 || s.Switch < 0 || s.Switch > 1 {
		return fmt.Errorf("schedule of %d steps with %d of warm-up and the switch at %g: "+
			"want at least 1 step, no negative warm-up, and a switch from 0 to 1", s.Steps, s.Warmup, s.Switch)
	}
	return nil
}

// DecayBegins is the first step, counted from 0, at which WSD decays: all steps before it have the
// rates of a longer schedule too.
func (s Schedule) DecayBegins() int {
	return sort.Search(s.Steps, func(step int) bool { return float64(step)/float64(s.Steps) >= s.Switch })
}

// At is the rate and the weight decay of a step, counted from 0.
func (s Schedule) At(step int) (rate, decay float64) {
	return s.Through(step, float64(step)/float64(s.Steps))
}

// Through is At of a step that is taken when a share of the plan is done: of a time, for which nobody
// knows the number of steps. The warm-up is over with its steps, or with half of the plan.
func (s Schedule) Through(step int, done float64) (rate, decay float64) {
	second := done >= s.Switch
	decay = s.Decay
	if s.Kind == TwoStage && second {
		decay = s.Stage2Decay
	}
	if step < s.Warmup && done < 0.5 {
		return s.Rate * max(float64(step+1)/float64(s.Warmup), 2*done), decay
	}
	left := min(1, max(0, 1-done))
	fall := func(peak, share float64) float64 { return s.MinRate + (peak-s.MinRate)*share }
	switch s.Kind {
	case TwoStage:
		if second {
			return fall(s.Stage2Rate, left), decay
		}
		return fall(s.Rate, left), decay
	case Linear:
		return fall(s.Rate, left), decay
	case Cosine:
		return fall(s.Rate, CosineDecay.left(1-left)), decay
	case WSD:
		if second {
			return fall(s.Rate, s.Shape.left(1-min(1, left/max(1-s.Switch, 1e-9)))), decay
		}
	}
	return s.Rate, decay
}
