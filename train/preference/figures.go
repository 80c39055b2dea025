package preference

import (
	"trit/train/graph"
	"trit/train/runlog"
)

// Figures add up what runs of the graph found of pairs.
type Figures struct {
	Pairs     float64
	Nats      float64    // sum of the losses
	Rewards   [2]float64 // sums
	Preferred float64    // number of pairs whose chosen row has the higher reward; equal ones count half
}

// Add adds pairs; padding does not count.
func (f *Figures) Add(pairs []graph.Pair) {
	for i := range pairs {
		p := &pairs[i]
		if !p.Scored() {
			continue
		}
		f.Pairs++
		f.Nats += p.Loss
		for side, r := range p.Rewards {
			f.Rewards[side] += r
		}
		switch m := p.Margin(); {
		case m > 0:
			f.Preferred++
		case m == 0:
			f.Preferred += 0.5
		}
	}
}

// Merge adds the figures of other pairs.
func (f *Figures) Merge(other Figures) {
	mine := f.Sums()
	for i, v := range other.Sums() {
		*mine[i] += *v
	}
}

// Sums are the figures, for a sum over ranks.
func (f *Figures) Sums() []*float64 {
	return []*float64{&f.Pairs, &f.Nats, &f.Rewards[graph.Chosen], &f.Rewards[graph.Rejected], &f.Preferred}
}

// Loss is the mean over the pairs, in nats.
func (f *Figures) Loss() float64 { return f.Nats / max(f.Pairs, 1) }

// Log is what the log shows of the figures; nil if there were no pairs.
func (f *Figures) Log() *runlog.Preference {
	if f.Pairs == 0 {
		return nil
	}
	chosen, rejected := f.Rewards[graph.Chosen]/f.Pairs, f.Rewards[graph.Rejected]/f.Pairs
	return &runlog.Preference{Chosen: chosen, Rejected: rejected, Margin: chosen - rejected,
		Accuracy: f.Preferred / f.Pairs}
}
