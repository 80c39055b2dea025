package watch

import (
	"fmt"
	"math"
	"slices"
)

// Kind is what a Finding is about.
type Kind string

// Kinds of findings.
const (
	LossSpike  Kind = "loss spike"      // the loss stands far above what it was
	NotFinite  Kind = "not finite"      // the loss or the gradient is NaN or infinite
	ScaleFloor Kind = "scale collapsed" // the scale of a weight is at the floor of absmean quantisation
	MostlyZero Kind = "mostly zeros"    // hardly any weight of a layer is left
	NoZeros    Kind = "no zeros"        // a layer is binary
	DeadInput  Kind = "dead input"      // nothing comes into a layer
	Frozen     Kind = "frozen"          // no weight of a layer changes any more, at a high learning rate
)

// Finding is something wrong in a run.
type Finding struct {
	Kind  Kind   `json:"kind"`
	Step  int    `json:"step"`
	Layer string `json:"layer,omitempty"` // name of the weight
	Text  string `json:"text"`            // for people, one sentence
}

// Limits say when a Monitor finds something.
type Limits struct {
	Window      int     // losses that the median is taken of
	MADs        float64 // a spike is this many median absolute deviations above the median,
	Margin      float64 // and at least so many nats,
	Sustain     int     // in so many samples, one after the other
	ScaleFloor  float64 // a scale up to this has collapsed
	MostZeros   float64 // share of zeros above which a layer is mostly zeros
	LeastZeros  float64 // share of zeros below which it has none
	FrozenSteps int     // steps without a flip, while the rate is at least half of the highest
}

// DefaultLimits are those of bitlinear/quant for the floor of the scale, and for the rest
// such that weights with a normal distribution, a third of which are zeros, are far from
// them.
func DefaultLimits() Limits {
	return Limits{Window: 64, MADs: 8, Margin: 0.2, Sustain: 3, ScaleFloor: 1e-5, MostZeros: 0.95, LeastZeros: 0.01, FrozenSteps: 2000}
}

// Sample is what a Monitor is told of a step.
type Sample struct {
	Step     int
	Loss     float64
	GradNorm float64
	LR       float64
	Layers   []LayerStats // nil where they were not measured
}

// SampleOf takes a sample from an event of a step.
func SampleOf(e Event) Sample { return Sample{e.Step, e.Loss, e.GradNorm, e.LR, e.Layers} }

// Monitor watches a run for what goes wrong. It only looks at what it is told, so it can
// sit in the loop and follow each step, or read a log.
type Monitor struct {
	limits Limits
	window []float64 // the last losses that were not spikes
	above  int       // samples in a spike so far
	peakLR float64
	said   map[trouble]bool
	moved  map[string]int // step of the last flip of a layer
}

type trouble struct {
	kind  Kind
	layer string
}

// NewMonitor makes a monitor that has seen nothing.
func NewMonitor(l Limits) *Monitor {
	return &Monitor{limits: l, said: map[trouble]bool{}, moved: map[string]int{}}
}

// Observe takes the next sample and returns what is wrong since it, usually nothing. What
// was said is said again only after it was right in between. A loop that goes back to an
// earlier step goes on with the same monitor.
func (m *Monitor) Observe(s Sample) []Finding {
	f := findings{m: m, step: s.Step}
	bad := notFinite(s.Loss) || notFinite(s.GradNorm)
	f.judge(NotFinite, "", bad, "the loss is %g and the gradient norm %g", s.Loss, s.GradNorm)
	if !notFinite(s.Loss) {
		m.judgeLoss(&f, s.Loss)
	}
	m.peakLR = max(m.peakLR, s.LR)
	for _, l := range s.Layers {
		m.judgeLayer(&f, l, s.LR)
	}
	return f.list
}

func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// judgeLoss compares a loss with the median of the window. A loss in a spike does not
// enter the window, or the spike would become what is usual; a loss that stays up for a
// whole window has become it.
func (m *Monitor) judgeLoss(f *findings, loss float64) {
	if len(m.window) >= max(m.limits.Window/4, 1) {
		median, deviation := medianAndMAD(m.window)
		if loss > median+max(m.limits.MADs*deviation, m.limits.Margin) {
			m.above++
			if m.above >= m.limits.Sustain {
				f.judge(LossSpike, "", true, "the loss is %.4g, after a median of %.4g over %d samples", loss, median, len(m.window))
			}
			if m.above >= m.limits.Window {
				m.window, m.above = nil, 0
			}
			return
		}
	}
	m.above = 0
	f.judge(LossSpike, "", false, "")
	m.window = append(m.window, loss)
	m.window = m.window[max(0, len(m.window)-m.limits.Window):]
}

// medianAndMAD is the median, and the median of the distances from it scaled to be a
// standard deviation for a normal distribution.
func medianAndMAD(values []float64) (median, deviation float64) {
	median = middle(slices.Clone(values))
	distances := make([]float64, len(values))
	for i, v := range values {
		distances[i] = math.Abs(v - median)
	}
	return median, 1.4826 * middle(distances)
}

// middle sorts values and returns the one in the middle.
func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[n/2] + values[(n-1)/2]) / 2
}

func (m *Monitor) judgeLayer(f *findings, l LayerStats, rate float64) {
	f.judge(ScaleFloor, l.Name, float64(l.Scale) <= m.limits.ScaleFloor*(1+1e-6), "the scale is %.3g, the floor: the master weights are all but zero", l.Scale)
	f.judge(MostlyZero, l.Name, l.Zero > m.limits.MostZeros, "%.1f %% of the weights are zero", 100*l.Zero)
	f.judge(NoZeros, l.Name, l.Zero < m.limits.LeastZeros, "only %.2f %% of the weights are zero", 100*l.Zero)
	if l.AbsMax != nil {
		f.judge(DeadInput, l.Name, *l.AbsMax == 0, "all activations that come in are zero")
	}
	since, known := m.moved[l.Name]
	if !known || l.Flips > 0 || rate < m.peakLR/2 {
		since = f.step
		m.moved[l.Name] = since
	}
	f.judge(Frozen, l.Name, f.step-since >= m.limits.FrozenSteps && m.peakLR > 0, "no weight has changed for %d steps, at a learning rate of %.3g", f.step-since, rate)
}

// findings collects what is new at a step.
type findings struct {
	m    *Monitor
	step int
	list []Finding
}

// judge notes whether something is wrong and adds it to the list if that is news.
func (f *findings) judge(kind Kind, layer string, wrong bool, format string, args ...any) {
	t := trouble{kind, layer}
	if wrong && !f.m.said[t] {
		f.list = append(f.list, Finding{kind, f.step, layer, fmt.Sprintf(format, args...)})
	}
	if wrong {
		f.m.said[t] = true
	} else {
		delete(f.m.said, t)
	}
}
