package eval

import (
	"math"
	"runtime"
	"sync"

	"trit/data/source"
	"trit/eval/internal/python"
)

// judgeTargets scores the target of each question of a LogLikelihood task. The value of Perplexity is
// the log-likelihood of the document.
func (o *outcome) judgeTargets() {
	for i := range o.questions {
		s, scores := o.scoreSample(i)
		s.target = o.questions[i].Target
		for _, m := range o.Metrics {
			value := scores[0].LogProb
			if m == Acc {
				value = truth(scores[0].Greedy)
			}
			s.values = append(s.values, source.Field{Name: string(m), Value: value})
		}
		o.samples = append(o.samples, s)
	}
	o.average("none", o.Metrics)
}

// perplexity is e to the power of the negative mean of log-likelihoods.
func perplexity(values []float64) float64 { return math.Exp(-mean(values)) }

// The harness's bootstrap: chunks of resamples, each with a random generator that its number seeds.
const bootstrapChunks, bootstrapChunk = 100, 1000

// bootstrapError is the standard error of a statistic of values as the harness estimates it: the
// sample standard deviation of the statistic of 100,000 resamples, drawn with replacement. The draws
// are the harness's own, so the error is the same number.
func bootstrapError(of func([]float64) float64, values []float64) float64 {
	if len(values) < 2 {
		return math.NaN()
	}
	all := make([]float64, bootstrapChunks*bootstrapChunk)
	var running sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			drawn := make([]float64, len(values))
			for chunk := range next {
				resample(of, values, drawn, uint32(chunk), all[chunk*bootstrapChunk:][:bootstrapChunk])
			}
		})
	}
	for chunk := range bootstrapChunks {
		next <- chunk
	}
	close(next)
	running.Wait()
	return deviation(all, mean(all))
}

// resample fills out with the statistic of resamples that a seed draws.
func resample(of func([]float64) float64, values, drawn []float64, seed uint32, out []float64) {
	random := python.NewRandom(seed)
	for i := range out {
		for k := range drawn {
			drawn[k] = values[random.Choice(len(values))]
		}
		out[i] = of(drawn)
	}
}
