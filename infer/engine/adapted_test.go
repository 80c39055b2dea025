package engine

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"trit/format/adapter"
	"trit/infer"
	"trit/lm"
	"trit/model"
)

// downAdapter adapts the down projections of a model with random matrices.
func downAdapter(m *infer.Model, seed uint64) infer.ScaledAdapter {
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(0.3 * r.NormFloat64())
		}
		return v
	}
	a := &adapter.Adapter{Alpha: 4, Placement: adapter.Beside, Pairs: map[string]adapter.Pair{}}
	c := m.Config()
	for _, s := range c.Tensors() {
		if s.Name == model.LayerTensor(max(s.Layer, 0), model.DownProj) {
			a.Pairs[s.Name] = adapter.Pair{Rank: 4, In: s.Shape[1], Out: s.Shape[0], A: draw(4 * s.Shape[1]), B: draw(4 * s.Shape[0])}
		}
	}
	return infer.ScaledAdapter{Adapter: a, Scale: 1}
}

// TestAdaptersBesideTheBase sends the same prompts to the model and to two adapters at once. Each
// answer is the one alone, and a prefix serves nobody but who computed it.
func TestAdaptersBesideTheBase(t *testing.T) {
	m, e := newEngine(t, Options{Answers: 9})
	makers, models := []lm.Generator{e}, []*infer.Model{m}
	var last *Adapted
	for seed := range uint64(2) {
		a, err := e.Adapted(downAdapter(m, seed))
		if err != nil {
			t.Fatal(err)
		}
		alone, err := m.Adapted(downAdapter(m, seed))
		if err != nil {
			t.Fatal(err)
		}
		makers, models, last = append(makers, a), append(models, alone), a
	}
	answers := make([][]int32, len(makers))
	var clients sync.WaitGroup
	for i := range 4 * len(makers) {
		clients.Go(func() {
			r := lm.GenerateRequest{Prompt: prompt(1, 200), MaxTokens: 12}
			got, err := makers[i%3].Generate(t.Context(), r, nil)
			want := alone(t, models[i%3], r)
			if err != nil || !slices.Equal(got.Tokens, want.Tokens) {
				t.Errorf("variant %d: %v (%v), alone %v", i%3, got.Tokens, err, want.Tokens)
			}
			if i < 3 {
				answers[i] = want.Tokens
			}
		})
	}
	clients.Wait()
	if slices.Equal(answers[0], answers[1]) || slices.Equal(answers[1], answers[2]) {
		t.Error("the adapters change no answer: the test asks nothing")
	}
	if s := e.Stats(); s.CachedTokens > 9*199 {
		t.Errorf("%d tokens came from a cache: each of the three must compute the prompt once", s.CachedTokens)
	}
	kept := e.Stats().KeptBytes
	last.Close()
	for deadline := time.Now().Add(10 * time.Second); e.Stats().KeptBytes >= kept; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the prefixes of a closed adapter are still kept")
		}
	}
	r := lm.GenerateRequest{Prompt: prompt(1, 200), MaxTokens: 12}
	if got, err := last.Generate(t.Context(), r, nil); err != nil || !slices.Equal(got.Tokens, answers[2]) {
		t.Errorf("after Close: %v, %v", got.Tokens, err)
	}
}

// TestScoresWithAdapters scores with the model and an adapter at once.
func TestScoresWithAdapters(t *testing.T) {
	m, e := newEngine(t, Options{})
	a, err := e.Adapted(downAdapter(m, 3))
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := m.Adapted(downAdapter(m, 3))
	if err != nil {
		t.Fatal(err)
	}
	ids := prompt(1, 30)
	list := []lm.ScoreRequest{{Input: ids[:29], Targets: ids[1:]}}
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() {
			by, of := lm.TokenScorer(e), m
			if i%2 == 1 {
				by, of = a, adapted
			}
			got, err := by.ScoreTokens(t.Context(), list)
			want, _ := of.NewScorer(0).ScoreTokens(t.Context(), list)
			if err != nil || got[0][20].LogProb != want[0][20].LogProb {
				t.Errorf("caller %d: %v, alone %v (%v)", i, got[0][20], want[0][20], err)
			}
		})
	}
	clients.Wait()
	vectors, err := a.Embed(t.Context(), [][]int32{ids})
	plain, errPlain := e.Embed(t.Context(), [][]int32{ids})
	if err != nil || errPlain != nil || slices.Equal(vectors[0], plain[0]) {
		t.Errorf("embeddings with and without the adapter: %v, %v, equal", err, errPlain)
	}
}
