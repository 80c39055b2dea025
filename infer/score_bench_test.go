package infer_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"trit/bitlinear/kernel/vector"
	"trit/infer"
	"trit/lm"
	"trit/model"
)

// model125M has the shape of the preset 125m and random weights.
func model125M(b *testing.B) *infer.Model {
	b.Helper()
	c := model.Config{
		VocabSize: 32000, HiddenSize: 768, IntermediateSize: 2048, NumHiddenLayers: 12,
		NumAttentionHeads: 12, NumKeyValueHeads: 12, MaxPositionEmbeddings: 2048,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true, HiddenAct: model.ReLU2,
	}
	c.Resolve()
	m, err := infer.Random(c, 1, infer.Options{Cache: infer.CacheF32})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkScore scores questions with four choices each, about as long as those of
// ARC-easy.
func BenchmarkScore(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	draw := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = r.Int32N(32000)
		}
		return ids
	}
	var list []lm.ScoreRequest
	for range 256 {
		question := draw(15 + r.IntN(25))
		for range 4 {
			whole := slices.Concat(question, draw(1+r.IntN(8)))
			list = append(list, lm.ScoreRequest{Input: whole[:len(whole)-1], Targets: whole[len(question):]})
		}
	}
	benchmarkScore(b, model125M(b), [][]lm.ScoreRequest{list}, 4)
}

// benchmarkScore measures in turns, since the speed of a shared machine changes: a prompt
// of 512 tokens, the batches, and one in some requests alone, with a pass of its own. It
// reports the medians of the rounds.
func benchmarkScore(b *testing.B, m *infer.Model, batches [][]lm.ScoreRequest, some int) {
	s, err := m.NewSession(m.ContextLength())
	if err != nil {
		b.Fatal(err)
	}
	var prefill, requested, computed, faster []float64
	for b.Loop() {
		const prompts = 8
		start := time.Now()
		for range prompts {
			aloneScore(b, s, lm.ScoreRequest{Input: make([]int32, 512), Targets: []int32{1}})
		}
		prefill = append(prefill, prompts*512/time.Since(start).Seconds())
		scorer := m.NewScorer(0)
		start = time.Now()
		for _, list := range batches {
			if _, err := scorer.Score(b.Context(), list); err != nil {
				b.Fatal(err)
			}
		}
		seconds, e := time.Since(start).Seconds(), scorer.Effort()
		requested, computed = append(requested, float64(e.Requested)/seconds), append(computed, float64(e.Computed)/seconds)
		tokens := 0
		start = time.Now()
		for _, list := range batches {
			for i := 0; i < len(list); i += some {
				aloneScore(b, s, list[i])
				tokens += len(list[i].Input)
			}
		}
		faster = append(faster, time.Since(start).Seconds()/float64(tokens)*float64(e.Requested)/seconds)
		b.Logf("prompt %.0f tokens/s; scores in %.1f s: %.0f tokens/s requested, %.0f computed, "+
			"%.2f of the prompt's; %.2f times as fast as alone",
			last(prefill), seconds, last(requested), last(computed), last(computed)/last(prefill), last(faster))
	}
	b.ReportMetric(median(prefill), "prompt-tokens/s")
	b.ReportMetric(median(requested), "requested-tokens/s")
	b.ReportMetric(median(computed), "computed-tokens/s")
	b.ReportMetric(median(faster), "x-alone")
}

func last(v []float64) float64 { return v[len(v)-1] }

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// aloneScore scores a request with a pass of its own.
func aloneScore(b *testing.B, s *infer.Session, r lm.ScoreRequest) (logProb float64) {
	const vocab = 32000
	logits := aloneLogits[:len(r.Targets)*vocab]
	s.Truncate(0)
	if err := s.Forward(r.Input, logits, len(r.Input)-len(r.Targets)); err != nil {
		b.Fatal(err)
	}
	for i, id := range r.Targets {
		row := logits[i*vocab:][:vocab]
		target, top := row[id], vector.Max(row)
		logProb += float64(target-top) - math.Log(float64(vector.ExpScaled(row, 1, top)))
	}
	return logProb
}

// aloneLogits is memory for the logits of the longest answer.
var aloneLogits = make([]float32, 128*32000)
