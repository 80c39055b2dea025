package infer

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/lm"
)

// cappedModels are a model with small bounds of its logits, and the same one without.
func cappedModels(t *testing.T, limit float64, o Options) (capped, plain *Model) {
	t.Helper()
	c := longConfig()
	plain, err := Random(c, 1, o)
	if err != nil {
		t.Fatal(err)
	}
	c.FinalLogitSoftcapping = limit
	capped, err = Random(c, 1, o)
	if err != nil {
		t.Fatal(err)
	}
	return capped, plain
}

// Logits are limit*tanh(logit/limit), in float64.
func TestCappedLogits(t *testing.T) {
	const limit = 0.5
	ids := []int32{1, 5, 9, 200}
	var rows [2][]float32
	capped, plain := cappedModels(t, limit, Options{})
	for i, m := range []*Model{capped, plain} {
		s, err := m.NewSession(8)
		if err != nil {
			t.Fatal(err)
		}
		rows[i] = make([]float32, len(ids)*m.config.VocabSize)
		if err := s.Forward(ids, rows[i], 0); err != nil {
			t.Fatal(err)
		}
	}
	bent := 0
	for i, v := range rows[1] {
		want := limit * math.Tanh(float64(v)/limit)
		if math.Abs(float64(rows[0][i])-want) > 1e-6 {
			t.Fatalf("logit %d is %g, want %g", i, rows[0][i], want)
		}
		if math.Abs(want-float64(v)) > 0.01 {
			bent++
		}
	}
	if bent == 0 {
		t.Error("no logit is large enough for the bound to show")
	}
}

// Scores are those of capped logits, with every kind of head.
func TestScoresOfCappedLogits(t *testing.T) {
	for _, head := range []Head{HeadExact, HeadBounded, HeadInt8} {
		m, _ := cappedModels(t, 0.5, Options{Head: head})
		list := scoreRequests(rand.New(rand.NewPCG(1, 2)))[:30]
		got, err := m.NewScorer(0).Score(context.Background(), list)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range list {
			if want := wantScore(t, m, r); math.Abs(got[i].LogProb-want.LogProb) > 1e-4*math.Abs(want.LogProb) {
				t.Fatalf("%s, request %d: %+v, want %+v", head, i, got[i], want)
			}
		}
	}
}

// Drawn tokens are those of a head that computes all logits.
func TestBoundedHeadOfCappedLogits(t *testing.T) {
	var texts [2][]int32
	for i, head := range []Head{HeadExact, HeadBounded} {
		m, _ := cappedModels(t, 0.5, Options{Head: head})
		g, err := m.NewGenerator(&script{parts: []string{"a"}}, 64)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := generate(t, g, lm.GenerateRequest{Prompt: []int32{1, 2}, MaxTokens: 40,
			Sampling: lm.Sampling{Temperature: 0.2, TopP: 0.9, Seed: 7}})
		texts[i] = r.Tokens
	}
	if len(texts[0]) < 20 || !slices.Equal(texts[0], texts[1]) {
		t.Errorf("tokens %v, want %v", texts[1], texts[0])
	}
}
