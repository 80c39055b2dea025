package engine

import (
	"context"
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

// shape2B4T is the shape of BitNet b1.58 2B4T.
var shape2B4T = model.Config{
	VocabSize: 128256, HiddenSize: 2560, IntermediateSize: 6912, NumHiddenLayers: 30, NumAttentionHeads: 20, NumKeyValueHeads: 5,
	HeadDim: 128, MaxPositionEmbeddings: 4096, RMSNormEps: 1e-5, RopeTheta: 500000, TieWordEmbeddings: true,
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

// BenchmarkGap reads a prompt of 4096 tokens beside a stream. It reports the stream's gaps: the
// median before the prompt came, and the median and the slowest while it was read; and the tokens
// of the prompt a second, beside the stream and alone.
func BenchmarkGap(b *testing.B) {
	const read, quiet = 4096, 200
	for name, shape := range map[string]model.Config{"125M": shape125M, "2B-4T": shape2B4T} {
		b.Run(name, func(b *testing.B) {
			shape.MaxPositionEmbeddings = 2 * read
			m, err := infer.Random(shape, 1, infer.Options{Head: infer.HeadBounded})
			if err != nil {
				b.Fatal(err)
			}
			for round := range b.N {
				e := New(m, letters{}, Options{})
				ctx, leave := context.WithCancel(b.Context())
				var times []time.Time
				began := make(chan struct{})
				var all sync.WaitGroup
				all.Go(func() {
					e.Generate(ctx, lm.GenerateRequest{Prompt: prompt(1, 8), MaxTokens: read}, func(d lm.Delta) {
						if times = append(times, time.Now()); len(times) == quiet {
							close(began)
						}
					})
				})
				<-began
				beside := readAlone(b, e, prompt(2*round, read))
				leave()
				all.Wait()
				alone := readAlone(b, e, prompt(2*round+1, read))
				e.Close()
				before, while := gaps(times[:quiet]), gaps(times[quiet:])
				usual := before[len(before)/2]
				b.ReportMetric(usual, "ms/quiet")
				b.ReportMetric(while[len(while)/2]/usual, "median/quiet")
				b.ReportMetric(while[len(while)*99/100]/usual, "99%/quiet")
				b.ReportMetric(while[len(while)-1]/usual, "worst/quiet")
				b.ReportMetric(while[len(while)-1]/while[len(while)/2], "worst/median")
				b.ReportMetric(read/beside, "beside-tokens/s")
				b.ReportMetric(read/alone, "alone-tokens/s")
			}
		})
	}
}

// readAlone is the seconds until the first token after a prompt.
func readAlone(b *testing.B, e *Engine, prompt []int32) float64 {
	start := time.Now()
	if _, err := e.Generate(b.Context(), lm.GenerateRequest{Prompt: prompt, MaxTokens: 1}, nil); err != nil {
		b.Fatal(err)
	}
	return time.Since(start).Seconds()
}

// gaps are the milliseconds between moments, sorted.
func gaps(times []time.Time) (list []float64) {
	for i := 1; i < len(times); i++ {
		list = append(list, 1000*times[i].Sub(times[i-1]).Seconds())
	}
	slices.Sort(list)
	return list
}
