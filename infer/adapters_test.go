package infer_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert"
	"trit/format/adapter"
	"trit/infer"
	"trit/infer/sampling"
	"trit/internal/testutil"
	"trit/lm"
	"trit/model"
)

// goldenLlama is a small model of full precision, of architecture llama, which permutes queries and
// keys.
func goldenLlama(t *testing.T) (model.Config, map[string][]float32) {
	t.Helper()
	f := testutil.OpenGolden(t, "../testdata/training/step_llama_float.safetensors")
	defer f.Close()
	return testutil.GoldenModel(t, f), testutil.GoldenWeights(t, f)
}

// loadWeights loads a model with these weights on the engine, unrounded.
func loadWeights(t *testing.T, c model.Config, weights map[string][]float32) *infer.Model {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model.gguf")
	o := convert.Options{EmbeddingType: convert.F32, SkipVerify: true}
	if _, err := convert.Convert(context.Background(), testutil.WriteModel(t, c, weights), out, o); err != nil {
		t.Fatal(err)
	}
	m, err := infer.Load(out, infer.Options{Threads: 2, Cache: infer.CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// randomAdapter adapts the projections of a model whose names hold one of the words.
func randomAdapter(c *model.Config, seed uint64, rank int, words ...string) *adapter.Adapter {
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(0.05 * r.NormFloat64())
		}
		return v
	}
	a := &adapter.Adapter{Alpha: 12, Placement: adapter.Beside, Pairs: map[string]adapter.Pair{}}
	for _, s := range c.Tensors() {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s.Name, w) }) && len(s.Shape) == 2 {
			out, in := s.Shape[0], s.Shape[1]
			a.Pairs[s.Name] = adapter.Pair{Rank: rank, In: in, Out: out, A: draw(rank * in), B: draw(out * rank)}
		}
	}
	return a
}

// merge adds an adapter to weights, by its definition.
func merge(weights map[string][]float32, a *adapter.Adapter, scale float64) map[string][]float32 {
	out := maps.Clone(weights)
	for name, p := range a.Pairs {
		w := slices.Clone(out[name])
		for i := range p.Out {
			for j := range p.In {
				sum := 0.0
				for r := range p.Rank {
					sum += float64(p.B[i*p.Rank+r]) * float64(p.A[r*p.In+j])
				}
				w[i*p.In+j] += float32(scale * a.Scale(p.Rank) * sum)
			}
		}
		out[name] = w
	}
	return out
}

// tokens is n tokens of a vocabulary.
func tokens(seed uint64, n, vocabulary int) []int32 {
	r, ids := rand.New(rand.NewPCG(seed, 2)), make([]int32, n)
	for i := range ids {
		ids[i] = r.Int32N(int32(vocabulary))
	}
	return ids
}

func logits(t *testing.T, m *infer.Model, ids []int32) []float32 {
	t.Helper()
	s, err := m.NewSession(len(ids))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(ids)*m.Config().VocabSize)
	if err := s.Forward(ids, got, 0); err != nil {
		t.Fatal(err)
	}
	return got
}

func adapted(t *testing.T, m *infer.Model, list ...infer.ScaledAdapter) *infer.Model {
	t.Helper()
	out, err := m.Adapted(list...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAdaptersAreMergedWeights compares two adapters with scales with the model whose weights hold
// them.
func TestAdaptersAreMergedWeights(t *testing.T) {
	c, weights := goldenLlama(t)
	base := loadWeights(t, c, weights)
	a, b := randomAdapter(&c, 1, 5, "proj"), randomAdapter(&c, 2, 3, "q_proj", "down_proj")
	b.RankStabilized = true
	ids := tokens(1, 40, c.VocabSize)
	want := logits(t, loadWeights(t, c, merge(merge(weights, a, 0.5), b, -1.5)), ids)
	got := logits(t, adapted(t, base, infer.ScaledAdapter{Adapter: a, Scale: 0.5}, infer.ScaledAdapter{Adapter: b, Scale: -1.5}), ids)
	plain := logits(t, base, ids)
	e, moved := testutil.RelativeL2(got, want), testutil.RelativeL2(plain, want)
	t.Logf("relative L2 %.1e, without the adapters %.2f", e, moved)
	if !(e < 1e-5) || moved < 0.1 {
		t.Errorf("relative L2 %g, without the adapters %g: want below 1e-5, and adapters that matter", e, moved)
	}
}

// TestAdaptersBesideEachOther takes sessions of a ternary model without and with different adapters
// through the layers together. Each gets the bits that it gets alone.
func TestAdaptersBesideEachOther(t *testing.T) {
	base, err := infer.Load("../testdata/engine/tiny-i2_s.gguf", infer.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	c := base.Config()
	one := adapted(t, base, infer.ScaledAdapter{Adapter: randomAdapter(&c, 1, 4, "proj"), Scale: 1})
	two := adapted(t, base, infer.ScaledAdapter{Adapter: randomAdapter(&c, 2, 7, "v_proj", "up_proj"), Scale: 2})
	kinds := []*infer.Model{base, one, one, two, base, two}
	var sessions []*infer.Session
	var prompts [][]int32
	var samplers []*sampling.Sampler
	for i, m := range kinds {
		s, err := m.NewSession(128)
		if err != nil {
			t.Fatal(err)
		}
		sessions, prompts = append(sessions, s), append(prompts, tokens(uint64(i), 3+20*i, c.VocabSize))
		samplers = append(samplers, sampling.New(lm.Sampling{}))
	}
	got := make([][]int32, len(kinds))
	ids := slices.Clone(prompts)
	for range 12 {
		next, err := infer.StepAll(sessions, ids, samplers)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range next {
			got[i], ids[i] = append(got[i], id), []int32{id}
		}
	}
	for i, m := range kinds {
		whole := slices.Concat(prompts[i], got[i][:11])
		after := make([]float32, c.VocabSize)
		if err := sessions[i].Forward([]int32{got[i][11]}, after, 0); err != nil {
			t.Fatal(err)
		}
		all := logits(t, m, append(whole, got[i][11]))
		if !slices.Equal(after, all[len(whole)*c.VocabSize:]) {
			t.Errorf("session %d: the logits after a batch are not those alone", i)
		}
		for k, id := range got[i] {
			at := all[(len(prompts[i])+k-1)*c.VocabSize:][:c.VocabSize]
			if best := sampling.New(lm.Sampling{}).Sample(at, nil); best != id {
				t.Errorf("session %d, token %d: %d, alone %d", i, k, id, best)
			}
		}
	}
	if err := sessions[1].CopyPrefix(sessions[0], 2); err == nil {
		t.Error("a prefix without adapters was copied to a session with some")
	}
	if err := sessions[1].CopyPrefix(sessions[2], 2); err != nil {
		t.Error(err)
	}
}

// TestScorerWithAdapters scores with a scorer of a model with adapters, whose last layer computes
// the wanted rows alone.
func TestScorerWithAdapters(t *testing.T) {
	c, weights := goldenLlama(t)
	a := randomAdapter(&c, 1, 5, "proj")
	m := adapted(t, loadWeights(t, c, weights), infer.ScaledAdapter{Adapter: a, Scale: 1})
	merged := loadWeights(t, c, merge(weights, a, 1))
	var requests []lm.ScoreRequest
	for i := range 5 {
		ids := tokens(uint64(i), 30, c.VocabSize)
		requests = append(requests, lm.ScoreRequest{Input: ids[:29], Targets: ids[29-3*i:][:1+3*i]})
	}
	got, err := m.NewScorer(0).Score(t.Context(), requests)
	want, errWant := merged.NewScorer(0).Score(t.Context(), requests)
	if err != nil || errWant != nil {
		t.Fatal(err, errWant)
	}
	for i, w := range want {
		if d := got[i].LogProb - w.LogProb; d > 1e-3 || d < -1e-3 {
			t.Errorf("request %d: %g, merged %g", i, got[i].LogProb, w.LogProb)
		}
	}
}

func TestAdaptersThatCannotBeUsed(t *testing.T) {
	c, weights := goldenLlama(t)
	m := loadWeights(t, c, weights)
	inside, other := randomAdapter(&c, 1, 2, "q_proj"), randomAdapter(&c, 1, 2, "q_proj")
	inside.Placement = adapter.Inside
	other.Pairs[model.LayerTensor(9, model.QProj)] = other.Pairs[model.LayerTensor(0, model.QProj)]
	for want, a := range map[string]*adapter.Adapter{"merges it": inside, "another model": other} {
		if _, err := m.Adapted(infer.ScaledAdapter{Adapter: a, Scale: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
