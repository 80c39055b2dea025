package train

import (
	"trit/internal/parallel"
	"trit/optim"
)

// chunk is a range of one parameter, the unit of the optimiser's work.
type chunk struct{ param, lo, hi int }

// chunkSize is small enough to share out and large enough not to show.
const chunkSize = 1 << 15

func makeChunks(params []optim.Param) []chunk {
	var chunks []chunk
	for i, p := range params {
		for lo := 0; lo < len(p.Value); lo += chunkSize {
			chunks = append(chunks, chunk{i, lo, min(lo+chunkSize, len(p.Value))})
		}
	}
	return chunks
}

// grad is the gradient of a parameter, a sum over the micro-batches of all ranks.
func (t *trainer) grad(param int) []float32 { return t.share.Sums(t.share.Owned()[param]) }

// sumSquares is the square of the length of this rank's part of that sum. Partial sums
// are added in the order of the chunks, whatever the number of threads.
func (t *trainer) sumSquares() float64 {
	partial := make([]float64, len(t.chunks))
	parallel.For(len(t.chunks), 1, func(lo, hi int) {
		for i, c := range t.chunks[lo:hi] {
			partial[lo+i] = optim.SumSquares(t.grad(c.param)[c.lo:c.hi])
		}
	})
	sum := 0.0
	for _, p := range partial {
		sum += p
	}
	return sum
}

// update does a step of the optimiser, of gradients times scale, on what this rank owns,
// and of its running mean while it is in the cache. Then all ranks get all weights.
func (t *trainer) update(rate, decay, scale float64) error {
	t.optimizer.Begin()
	keep := optim.AverageDecay(t.run.Options.EMADecay, t.optimizer.StepCount)
	parallel.For(len(t.chunks), 1, func(lo, hi int) {
		for _, c := range t.chunks[lo:hi] {
			t.optimizer.Update(c.param, c.lo, c.hi, t.grad(c.param), float32(scale), rate, decay)
			if t.average != nil {
				optim.Average(t.average[c.param][c.lo:c.hi], t.optimizer.Params[c.param].Value[c.lo:c.hi], keep)
			}
		}
	})
	return t.share.Spread(t.value)
}
