package runlog

import "fmt"

// Kind is what a Finding is about.
type Kind string

// Kinds of findings of a Monitor. A Finding that a run logged itself has the kind of its
// event, so a spike is called the same by both.
const (
	LossSpike  Kind = SpikeEvent        // the loss stands far above what it was
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

// Limits are the limits beyond which a Monitor finds a layer wrong.
type Limits struct {
	ScaleFloor  float64 // a scale up to this has collapsed
	MostZeros   float64 // share of zeros above which a layer is mostly zeros
	LeastZeros  float64 // share of zeros below which it has none
	FrozenSteps int     // steps without a flip, while the rate is at least half of the highest
}

// DefaultLimits are the floor of the scale in bitlinear/quant, and limits that healthy layers
// are far from: a third of normally distributed weights becomes 0.
func DefaultLimits() Limits {
	return Limits{ScaleFloor: 1e-5, MostZeros: 0.95, LeastZeros: 0.01, FrozenSteps: 2000}
}

// Monitor watches the step events of a run, in the loop or from a log.
type Monitor struct {
	limits Limits
	spikes Spikes
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

// Observe takes the next step event and returns the faults that begin with it, usually none. A
// fault that lasts is returned once; it is returned again if it was over in between. If the run
// has judged the loss of the event, Observe does not. After a rollback the loop goes on with the
// same monitor.
func (m *Monitor) Observe(e Event) []Finding {
	f := findings{m: m, step: e.Step}
	if !e.Judged {
		m.judgeLoss(&f, e)
	}
	m.peakLR = max(m.peakLR, e.LR)
	for _, l := range e.Layers {
		m.judgeLayer(&f, l, e.LR)
	}
	return f.list
}

func (m *Monitor) judgeLoss(f *findings, e Event) {
	text, broken := NotFiniteStep(e.Loss, e.GradNorm)
	f.judge(NotFinite, "", broken, "%s", text)
	if broken {
		return
	}
	text, spike := m.spikes.Observe(e.Step, e.Loss, e.GradNorm)
	f.judge(LossSpike, "", spike, "%s", text)
}

func (m *Monitor) judgeLayer(f *findings, l LayerStats, rate float64) {
	f.judge(ScaleFloor, l.Name, float64(l.Scale) <= m.limits.ScaleFloor*(1+1e-6),
		"the scale is %.3g, the floor: the master weights are all but zero", l.Scale)
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
	f.judge(Frozen, l.Name, f.step-since >= m.limits.FrozenSteps && m.peakLR > 0,
		"no weight has changed for %d steps, at a learning rate of %.3g", f.step-since, rate)
}

// findings collects the faults that begin at a step.
type findings struct {
	m    *Monitor
	step int
	list []Finding
}

// judge notes whether something is wrong, and adds a finding if it was right before.
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
