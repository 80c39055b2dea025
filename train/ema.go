package train

import (
	"fmt"

	"trit/format/safetensors"
	"trit/internal/parallel"
	"trit/train/checkpoint"
)

// makeAverage begins the running mean of the weights that this rank owns with these.
func (t *trainer) makeAverage() {
	if t.run.Options.EMADecay == 0 {
		return
	}
	t.average = nil
	for _, p := range t.optimizer.Params {
		t.average = append(t.average, append([]float32(nil), p.Value...))
	}
}

// readAverage reads the running mean of a checkpoint that rank 0 has.
func (t *trainer) readAverage(c *checkpoint.Loaded) error {
	if t.leads() && c.EMA == nil {
		return fmt.Errorf("%s: %s is missing, but the run has ema_decay %g", c.Dir, checkpoint.EMAFile, t.run.Options.EMADecay)
	}
	return t.scatter(c.EMA, "", t.ownAverage())
}

// ownAverage is the mean in place.
func (t *trainer) ownAverage() quantity {
	return quantity{func(i int) []float32 { return t.average[i] }, func(int, []float32) {}}
}

// averages are the tensors of the running mean.
func (t *trainer) averages() []safetensors.Source {
	if t.average == nil {
		return nil
	}
	return t.gathered("", t.ownAverage())
}

// swapAverage exchanges the weights with their running mean, and a second time back:
// the graphs read the weights where they lie. Each rank swaps what it owns and then gets
// the rest.
func (t *trainer) swapAverage() error {
	if t.average == nil {
		return nil
	}
	parallel.For(len(t.chunks), 1, func(lo, hi int) {
		for _, c := range t.chunks[lo:hi] {
			mean, value := t.average[c.param][c.lo:c.hi], t.optimizer.Params[c.param].Value[c.lo:c.hi]
			for i, v := range value {
				value[i], mean[i] = mean[i], v
			}
		}
	})
	return t.share.Spread(t.value)
}
