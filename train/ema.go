package train

import (
	"fmt"

	"trit/format/safetensors"
	"trit/internal/parallel"
	"trit/train/checkpoint"
)

// makeAverage begins the running mean of the weights with these weights.
func (t *trainer) makeAverage() {
	if t.run.Options.EMADecay == 0 {
		return
	}
	t.average = nil
	for _, p := range t.optimizer.Params {
		t.average = append(t.average, append([]float32(nil), p.Value...))
	}
}

// readAverage reads the running mean of a checkpoint.
func (t *trainer) readAverage(c *checkpoint.Loaded) error {
	if c.EMA == nil {
		return fmt.Errorf("%s: %s is missing, but the run has ema_decay %g", c.Dir, checkpoint.EMAFile, t.run.Options.EMADecay)
	}
	for i, s := range t.params.Specs() {
		if err := c.EMA.ReadFloat32(s.Name, t.average[i]); err != nil {
			return err
		}
	}
	return nil
}

// averages are the tensors of the running mean.
func (t *trainer) averages() (out []safetensors.Source) {
	for i, v := range t.average {
		s := t.params.Specs()[i]
		out = append(out, safetensors.Float32Source(s.Name, s.Shape, v))
	}
	return out
}

// swapAverage exchanges the weights with their running mean, and a second time back:
// the graphs read the weights where they lie.
func (t *trainer) swapAverage() {
	if t.average == nil {
		return
	}
	parallel.For(len(t.chunks), 1, func(lo, hi int) {
		for _, c := range t.chunks[lo:hi] {
			mean, value := t.average[c.param][c.lo:c.hi], t.optimizer.Params[c.param].Value[c.lo:c.hi]
			for i, v := range value {
				value[i], mean[i] = mean[i], v
			}
		}
	})
}
