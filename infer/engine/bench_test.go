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

// BenchmarkClients answers clients at once, prompts of 64 to 1024 tokens and 128 new ones, and
// beside it does the same with nothing around the sessions: reads the prompts one after the other
// and takes all sessions further together.
func BenchmarkClients(b *testing.B) {
	const write = 128
	for name, shape := range map[string]model.Config{"125M": shape125M, "2B-4T": shape2B4T} {
		m, err := infer.Random(shape, 1, infer.Options{Head: infer.HeadBounded})
		if err != nil {
			b.Fatal(err)
		}
		for _, clients := range []int{8, 32} {
			b.Run(fmt.Sprintf("%s/%d", name, clients), func(b *testing.B) {
				var engine, steps time.Duration
				for round := range b.N {
					prompts := make([][]int32, clients)
					for i := range prompts {
						prompts[i] = prompt(round*clients+i, 64+960*(i*5%clients)/(clients-1))
					}
					engine += answerAll(b, m, prompts, write)
					steps += stepAll(b, m, prompts, write)
				}
				tokens := float64(b.N * clients * write)
				b.ReportMetric(tokens/engine.Seconds(), "tokens/s")
				b.ReportMetric(tokens/steps.Seconds(), "steps-tokens/s")
				b.ReportMetric(steps.Seconds()/engine.Seconds(), "of-steps")
			})
		}
	}
}

// answerAll has a client for each prompt.
func answerAll(b *testing.B, m *infer.Model, prompts [][]int32, write int) time.Duration {
	e := New(m, letters{}, Options{Memory: 8 << 30})
	defer e.Close()
	start := time.Now()
	var all sync.WaitGroup
	for _, ids := range prompts {
		all.Go(func() {
			if _, err := e.Generate(b.Context(), lm.GenerateRequest{Prompt: ids, MaxTokens: write}, nil); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	return time.Since(start)
}

// stepAll reads prompts and takes as many sessions further together.
func stepAll(b *testing.B, m *infer.Model, prompts [][]int32, write int) time.Duration {
	start, n := time.Now(), len(prompts)
	sessions, ids, samplers := make([]*infer.Session, n), make([][]int32, n), make([]*sampling.Sampler, n)
	for i, text := range prompts {
		sessions[i], _ = m.NewSession(len(text) + write)
		samplers[i] = sampling.New(lm.Sampling{})
		id, err := sessions[i].Step(text, samplers[i])
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
	return time.Since(start)
}

// BenchmarkGap reads a prompt of 4096 tokens beside a stream, in parts that go on from each other, and
// leaves the stream alone for half as long after each: what else the machine does meets both. It reports
// the stream's gaps over the usual one, which is the median without a prompt; and the tokens of the prompt a
// second, beside the stream and alone.
func BenchmarkGap(b *testing.B) {
	const read, parts, warm = 4096, 8, 50
	for name, shape := range map[string]model.Config{"125M": shape125M, "2B-4T": shape2B4T} {
		b.Run(name, func(b *testing.B) {
			shape.MaxPositionEmbeddings = 4 * read
			m, err := infer.Random(shape, 1, infer.Options{Head: infer.HeadBounded})
			if err != nil {
				b.Fatal(err)
			}
			e := New(m, letters{}, Options{})
			defer e.Close()
			var alone, beside []float64
			var besideSeconds, aloneSeconds float64
			for round := range b.N {
				s := beginStream(b, e, warm)
				text, turns := prompt(2*round, read), []time.Time{time.Now()}
				for part := range parts {
					took := readAlone(b, e, text[:read*(part+1)/parts])
					besideSeconds += took
					turns = append(turns, time.Now())
					time.Sleep(time.Duration(took / 2 * float64(time.Second)))
					turns = append(turns, time.Now())
				}
				for i := range parts {
					beside = append(beside, s.gaps(turns[2*i], turns[2*i+1])...)
					alone = append(alone, s.gaps(turns[2*i+1], turns[2*i+2])...)
				}
				s.leave()
				aloneSeconds += readAlone(b, e, prompt(2*round+1, read))
			}
			slices.Sort(alone)
			slices.Sort(beside)
			usual := alone[len(alone)/2]
			b.ReportMetric(usual, "ms/usual")
			b.ReportMetric(alone[len(alone)*99/100]/usual, "alone-99%/usual")
			b.ReportMetric(alone[len(alone)-1]/usual, "alone-worst/usual")
			b.ReportMetric(beside[len(beside)/2]/usual, "median/usual")
			b.ReportMetric(beside[len(beside)*99/100]/usual, "99%/usual")
			b.ReportMetric(beside[len(beside)-1]/usual, "worst/usual")
			b.ReportMetric(read*float64(b.N)/besideSeconds, "beside-tokens/s")
			b.ReportMetric(read*float64(b.N)/aloneSeconds, "alone-tokens/s")
		})
	}
}

// stream is a client that gets one token after the other.
type stream struct {
	mu    sync.Mutex
	times []time.Time // of its tokens
	leave func()
}

// beginStream returns when the stream has so many tokens.
func beginStream(b *testing.B, e *Engine, tokens int) *stream {
	ctx, cancel := context.WithCancel(b.Context())
	s, began, ended := &stream{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		e.Generate(ctx, lm.GenerateRequest{Prompt: prompt(1, 8), MaxTokens: 8192}, func(lm.Delta) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.times = append(s.times, time.Now()); len(s.times) == tokens {
				close(began)
			}
		})
	}()
	<-began
	s.leave = func() { cancel(); <-ended }
	return s
}

// gaps are the milliseconds between tokens, of the gaps that begin in a time.
func (s *stream) gaps(from, to time.Time) (list []float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.times); i++ {
		if t := s.times[i-1]; !t.Before(from) && t.Before(to) {
			list = append(list, 1000*s.times[i].Sub(t).Seconds())
		}
	}
	return list
}

// readAlone is the seconds until the first token after a prompt.
func readAlone(b *testing.B, e *Engine, prompt []int32) float64 {
	start := time.Now()
	if _, err := e.Generate(b.Context(), lm.GenerateRequest{Prompt: prompt, MaxTokens: 1}, nil); err != nil {
		b.Fatal(err)
	}
	return time.Since(start).Seconds()
}

// BenchmarkPrefix asks the same prompt of 2000 tokens twice, and reports the milliseconds until the
// first tokens and their ratio.
func BenchmarkPrefix(b *testing.B) {
	for name, shape := range map[string]model.Config{"125M": shape125M, "2B-4T": shape2B4T} {
		b.Run(name, func(b *testing.B) {
			m, err := infer.Random(shape, 1, infer.Options{Head: infer.HeadBounded})
			if err != nil {
				b.Fatal(err)
			}
			first, again := 0.0, 0.0
			for round := range b.N {
				e := New(m, letters{}, Options{})
				first += readAlone(b, e, prompt(round, 2000))
				again += readAlone(b, e, prompt(round, 2000))
				e.Close()
			}
			b.ReportMetric(1000*first/float64(b.N), "ms-first")
			b.ReportMetric(1000*again/float64(b.N), "ms-again")
			b.ReportMetric(again/first, "again/first")
		})
	}
}
