package train

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"trit/bitlinear"
	"trit/data"
	"trit/format/adapter"
	"trit/internal/parallel"
	"trit/model"
	"trit/train/adapters"
	"trit/train/graph"
	"trit/train/ranks"
)

// Speed is the outcome of Bench.
type Speed struct {
	Parameters      int     `json:"parameters"`
	TokensPerSecond float64 `json:"tokens_per_second"` // by the median time of a step
	StepSeconds     float64 `json:"step_seconds"`
	GorgoniaShare   float64 `json:"gorgonia_share"` // of the time of a step
}

// Bench times the steps of a run, by the code of Train, on random tokens with one
// micro-batch a step. The first step warms up and is not counted. threads is Run.Threads.
func Bench(c model.Config, o Options, steps, threads int) (Speed, error) {
	o.GradientAccumulation, o.MaxSteps = 1, steps+1
	if err := errors.Join(o.Validate(), o.checkGradients(&c)); err != nil {
		return Speed{}, err
	}
	o.resolve(&c, thisMachine(threads))
	params, err := benchParams(c, &o, threads)
	if err != nil {
		return Speed{}, err
	}
	d, err := graph.New(params, o.graph(0, threads))
	if err != nil {
		return Speed{}, err
	}
	defer d.Close()
	share, err := newSharing(ranks.Alone, parallel.New(threads), params, &o)
	if err != nil {
		return Speed{}, err
	}
	share.beginMean()
	tokens := &randomBatches{vocab: c.VocabSize, size: o.BatchSize * o.SequenceLength, random: rand.New(rand.NewPCG(1, 1))}
	s := &stepper{options: &o, share: share, decoder: d, batches: tokens, microBatches: 1}
	var times []time.Duration
	inside, elapsed := int64(0), time.Duration(0)
	for i := range steps + 1 {
		tokens.fill()
		if i == 1 {
			inside, elapsed = bitlinear.Inside.Load(), d.Elapsed()
		}
		start := time.Now()
		g, err := s.gradient(i)
		if err != nil {
			return Speed{}, err
		}
		if _, _, err := s.update(i, g); err != nil {
			return Speed{}, err
		}
		times = append(times, time.Since(start))
	}
	step := median(times[1:]).Seconds()
	return Speed{
		Parameters: c.Parameters(), StepSeconds: step, TokensPerSecond: float64(o.TokensPerStep()) / step,
		GorgoniaShare: 1 - float64(bitlinear.Inside.Load()-inside)/float64(d.Elapsed()-elapsed),
	}, nil
}

// benchParams are random weights, or adapters over a random base.
func benchParams(c model.Config, o *Options, threads int) (*graph.Params, error) {
	if o.LoRARank == 0 {
		return graph.NewParams(c, 1), nil
	}
	l := o.lora()
	b, err := adapters.Read(adapters.Random{}, c, l.Placement == adapter.Inside, threads)
	if err != nil {
		return nil, err
	}
	return graph.NewAdapters(b, l, 1)
}

// randomBatches gives batches of random tokens, which fill has made before.
type randomBatches struct {
	vocab, size int
	random      *rand.Rand
	batch       data.Batch
}

func (r *randomBatches) fill() {
	r.batch = data.Batch{Tokens: make([]int32, r.size), Targets: make([]int32, r.size), Starts: make([]int32, r.size)}
	for i := range r.size {
		r.batch.Tokens[i], r.batch.Targets[i] = int32(r.random.IntN(r.vocab)), int32(r.random.IntN(r.vocab))
	}
}

func (r *randomBatches) Next(b *data.Batch) error {
	*b = r.batch
	return nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
