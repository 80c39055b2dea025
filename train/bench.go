package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"trit/bitlinear"
	"trit/model"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
)

// Speed is the outcome of Bench.
type Speed struct {
	Parameters      int     `json:"parameters"`
	TokensPerSecond float64 `json:"tokens_per_second"` // of the median step
	StepSeconds     float64 `json:"step_seconds"`
	GorgoniaShare   float64 `json:"gorgonia_share"` // of the time of a step
}

// Bench times training steps, the optimiser's included, on random tokens. The first
// step warms up and is not counted.
func Bench(c model.Config, o Options, steps int) (Speed, error) {
	p := graph.NewParams(c, 1)
	o.resolvePrecision(prefersBF16)
	d, err := graph.New(p, o.graph(0))
	if err != nil {
		return Speed{}, err
	}
	defer d.Close()
	o.GradientAccumulation = 1
	t := &trainer{run: &Run{Model: c, Options: o}, decoder: d, share: sharing{Comm: ranks.Alone}}
	if err := t.setParams(p); err != nil {
		return Speed{}, err
	}
	t.makeAverage()
	r := rand.New(rand.NewPCG(1, 1))
	var times []time.Duration
	inside, elapsed := int64(0), time.Duration(0)
	for i := range steps + 1 {
		for j := range d.Tokens() {
			d.Tokens()[j], d.Targets()[j] = int32(r.IntN(c.VocabSize)), int32(r.IntN(c.VocabSize))
		}
		if i == 1 {
			inside, elapsed = bitlinear.Inside.Load(), d.Elapsed()
		}
		start := time.Now()
		if _, err := t.lastRun(); err != nil {
			return Speed{}, err
		}
		if err := t.update(1e-4, 0, optim.ClipScale(math.Sqrt(t.sumSquares()), 1)); err != nil {
			return Speed{}, err
		}
		times = append(times, time.Since(start))
	}
	step := median(times[1:]).Seconds()
	return Speed{
		Parameters: c.Parameters(), StepSeconds: step, TokensPerSecond: float64(o.BatchSize*o.SequenceLength) / step,
		GorgoniaShare: 1 - float64(bitlinear.Inside.Load()-inside)/float64(d.Elapsed()-elapsed),
	}, nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
