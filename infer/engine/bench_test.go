package engine

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"trit/infer"
	"trit/infer/sampling"
	"trit/lm"
	"trit/model"
)

// shape125M is the shape of small BitNet models, with random weights.
var shape125M = model.Config{
	VocabSize: 32000, HiddenSize: 768, IntermediateSize: 2048, NumHiddenLayers: 12, NumAttentionHeads: 12, NumKeyValueHeads: 12,
	HeadDim: 64, MaxPositionEmbeddings: 2048, RMSNormEps: 1e-5, RopeTheta: 10000, TieWordEmbeddings: true,
	HiddenAct: model.ReLU2, SubNorms: true,
}

// BenchmarkClients answers clients at once, prompts of 64 tokens and 128 new ones, and beside it
// steps as many sessions with nothing around them: the limit.
func BenchmarkClients(b *testing.B) {
	m, err := infer.Random(shape125M, 1, infer.Options{Head: infer.HeadBounded})
	if err != nil {
		b.Fatal(err)
	}
	const read, write = 64, 128
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("engine/%d", clients), func(b *testing.B) {
			e := New(m, letters{}, Options{})
			defer e.Close()
			for round := range b.N {
				var all sync.WaitGroup
				for i := range clients {
					all.Go(func() {
						r := lm.GenerateRequest{Prompt: prompt(round*clients+i, read), MaxTokens: write}
						if _, err := e.Generate(b.Context(), r, nil); err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
			}
			b.ReportMetric(float64(b.N*clients*write)/b.Elapsed().Seconds(), "tokens/s")
		})
		b.Run(fmt.Sprintf("steps/%d", clients), func(b *testing.B) {
			for range b.N {
				stepAll(b, m, clients, read, write)
			}
			b.ReportMetric(float64(b.N*clients*write)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// stepAll reads prompts and takes as many sessions further together.
func stepAll(b *testing.B, m *infer.Model, clients, read, write int) {
	sessions, ids, samplers := make([]*infer.Session, clients), make([][]int32, clients), make([]*sampling.Sampler, clients)
	for i := range sessions {
		sessions[i], _ = m.NewSession(read + write)
		samplers[i] = sampling.New(lm.Sampling{})
		id, err := sessions[i].Step(prompt(i, read), samplers[i])
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = []int32{id}
	}
	for range write - 1 {
		next, err := infer.StepAll(sessions, ids, samplers)
		if err != nil {
			b.Fatal(err)
		}
		for i, id := range next {
			ids[i] = []int32{id}
		}
	}
}

// BenchmarkGap reads a long prompt beside a stream, and reports the slowest gap of the stream's
// tokens over its usual one.
func BenchmarkGap(b *testing.B) {
	m, err := infer.Random(shape125M, 1, infer.Options{Head: infer.HeadBounded})
	if err != nil {
		b.Fatal(err)
	}
	worst, usual := 0.0, 0.0
	for round := range b.N {
		e := New(m, letters{}, Options{})
		var times []time.Time
		began := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			e.Generate(b.Context(), lm.GenerateRequest{Prompt: prompt(1, 8), MaxTokens: 600}, func(d lm.Delta) {
				if times = append(times, time.Now()); len(times) == 100 {
					close(began)
				}
			})
		})
		<-began
		e.Generate(b.Context(), lm.GenerateRequest{Prompt: prompt(round, 1900), MaxTokens: 1}, nil)
		all.Wait()
		e.Close()
		quiet := times[90].Sub(times[10]).Seconds() / 80
		var gaps []float64
		for i := 100; i < len(times); i++ {
			gaps = append(gaps, times[i].Sub(times[i-1]).Seconds())
		}
		slices.Sort(gaps)
		b.Logf("quiet %.2f ms; gaps: median %.2f, 90 %% %.2f, 99 %% %.2f, worst %.2f ms", 1000*quiet, 1000*gaps[len(gaps)/2], 1000*gaps[len(gaps)*9/10], 1000*gaps[len(gaps)*99/100], 1000*gaps[len(gaps)-1])
		worst, usual = worst+gaps[len(gaps)-1], usual+quiet
	}
	b.ReportMetric(worst/usual, "worst/usual")
	b.ReportMetric(1000*usual/float64(b.N), "ms/token")
}
