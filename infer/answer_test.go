package infer

import (
	"context"
	"math"
	"slices"
	"testing"

	"trit/lm"
)

// only allows the tokens of a list, one after the other.
type only struct {
	ids  []int32
	size int
}

func (o *only) Mask() []uint64 {
	mask := make([]uint64, (o.size+63)/64)
	mask[o.ids[0]/64] |= 1 << (o.ids[0] % 64)
	return mask
}

func (o *only) Accept(id int32) {
	if id == o.ids[0] {
		o.ids = o.ids[1:]
	}
}

// TestAnswersTogetherAreThoseAlone takes answers with prompts of many lengths, drafts, penalties and
// masks through common passes, with limits that cut prompts in odd places and change from pass
// to pass, and with a number of layers for prompts that does too.
func TestAnswersTogetherAreThoseAlone(t *testing.T) {
	for _, head := range []Head{HeadExact, HeadBounded} {
		c := smallConfig()
		c.NumHiddenLayers = 4
		m, err := Random(c, 1, Options{Head: head})
		if err != nil {
			t.Fatal(err)
		}
		request := func(i int) lm.GenerateRequest {
			prompt := make([]int32, 1+17*i)
			for j := range prompt {
				prompt[j] = int32((i + j%9) % 200)
			}
			return lm.GenerateRequest{
				Prompt: prompt, MaxTokens: 12 + i, PromptLookup: i%2 == 0, LogProbs: i%3 == 0, TopLogProbs: i % 2,
				Sampling: []lm.Sampling{{}, {Temperature: 1, TopP: 0.9, Seed: 3}, {FrequencyPenalty: 1}}[i%3],
			}
		}
		batch, answers := m.NewBatch(), []*Answer(nil)
		for i := range 9 {
			s, _ := m.NewSession(300)
			a, err := NewAnswer(t.Context(), s, noText{}, request(i), nil)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, a)
		}
		for pass := 0; ; pass++ {
			going, limits := []*Answer(nil), []int(nil)
			for i, a := range answers {
				if _, done := a.Done(); !done && (i+pass)%4 != 0 {
					going, limits = append(going, a), append(limits, 1+(5*i+pass)%23)
				}
			}
			if batch.AdvanceLayers(going, limits, pass%6); pass > 900 {
				t.Fatal("no end")
			}
			if !slices.ContainsFunc(answers, func(a *Answer) bool { _, done := a.Done(); return !done }) {
				break
			}
		}
		for i, a := range answers {
			g, _ := m.NewGenerator(noText{}, 300)
			want, _ := g.Generate(t.Context(), request(i), nil)
			got, _ := a.Result()
			if !slices.Equal(got.Tokens, want.Tokens) || got.FinishReason != want.FinishReason || got.Text != want.Text {
				t.Errorf("%s, answer %d: %v, alone %v", head, i, got.Tokens, want.Tokens)
			}
			if !slices.EqualFunc(got.LogProbs, want.LogProbs, equalLogProbs) || want.LogProbs == nil == (i%3 == 0) {
				t.Errorf("%s, answer %d: %v, alone %v", head, i, got.LogProbs, want.LogProbs)
			}
		}
	}
}

// TestAnswersLeaveOnTheWay ends an answer whose prompt has gone through some layers; those beside
// it get their tokens.
func TestAnswersLeaveOnTheWay(t *testing.T) {
	m, err := Random(smallConfig(), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	batch, answers := m.NewBatch(), []*Answer(nil)
	for i, ctx := range []context.Context{t.Context(), gone, t.Context()} {
		s, _ := m.NewSession(100)
		r := lm.GenerateRequest{Prompt: []int32{int32(5 + i), 6, 7, int32(8 + i)}[:4-i], MaxTokens: 5}
		a, err := NewAnswer(ctx, s, noText{}, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	limits := []int{3, 9, 9}
	batch.AdvanceLayers(answers, limits, 1)
	if tokens, layers := batch.Reading(); tokens != 3+3+2 || layers != m.config.NumHiddenLayers-1 {
		t.Errorf("%d tokens are on their way, %d layers before them", tokens, layers)
	}
	leave()
	for range 20 {
		batch.AdvanceLayers(answers, limits, 1)
	}
	if r, _ := answers[1].Result(); r.FinishReason != lm.FinishCancel || len(r.Tokens) > 0 {
		t.Errorf("the answer that was left: %+v", r)
	}
	for _, i := range []int{0, 2} {
		g, _ := m.NewGenerator(noText{}, 100)
		want, _ := g.Generate(t.Context(), answers[i].o, nil)
		if got, _ := answers[i].Result(); !slices.Equal(got.Tokens, want.Tokens) {
			t.Errorf("answer %d: %v, alone %v", i, got.Tokens, want.Tokens)
		}
	}
}

func equalLogProbs(a, b lm.TokenLogProbs) bool {
	return a.LogProb == b.LogProb && slices.Equal(a.Top, b.Top)
}

// TestConstrainedAnswers gives a model no choice, also where drafts want another token.
func TestConstrainedAnswers(t *testing.T) {
	for _, head := range []Head{HeadExact, HeadBounded} {
		m, err := Random(smallConfig(), 1, Options{Head: head})
		if err != nil {
			t.Fatal(err)
		}
		g, _ := m.NewGenerator(noText{}, 300)
		want := []int32{9, 8, 7, 9, 8, 7, 9, 8, 7, 9, 8, 7, 9, 8, 3, 11, 199, 9, 8, 7, 9, 0}
		got, err := g.Generate(t.Context(), lm.GenerateRequest{
			Prompt: []int32{1, 2}, MaxTokens: 50, StopIDs: []int32{0}, PromptLookup: true,
			Constraint: &only{slices.Clone(want), m.Config().VocabSize},
		}, nil)
		if err != nil || !slices.Equal(got.Tokens, want[:len(want)-1]) || got.FinishReason != lm.FinishStop {
			t.Errorf("%s: %v, ended by %s (%v)", head, got.Tokens, got.FinishReason, err)
		}
	}
}

// TestLogProbsAreThoseOfTheScorer compares the log-probabilities of an answer's tokens with the
// scores of the same tokens.
func TestLogProbsAreThoseOfTheScorer(t *testing.T) {
	m, err := Random(smallConfig(), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := m.NewGenerator(noText{}, 60)
	prompt := []int32{5, 6, 7}
	r, err := g.Generate(t.Context(), lm.GenerateRequest{
		Prompt: prompt, MaxTokens: 20, LogProbs: true, TopLogProbs: 3, Sampling: lm.Sampling{Temperature: 1.5, Seed: 2},
	}, nil)
	if err != nil || len(r.LogProbs) != 20 {
		t.Fatalf("%d log-probabilities (%v)", len(r.LogProbs), err)
	}
	scorer := m.NewScorer(0)
	for i, id := range r.Tokens {
		input := slices.Concat(prompt, r.Tokens[:i])
		for _, p := range append(slices.Clone(r.LogProbs[i].Top), r.LogProbs[i].LogProb) {
			want, err := scorer.Score(t.Context(), []lm.ScoreRequest{{Input: input, Targets: []int32{p.ID}}})
			if err != nil || math.Abs(want[0].LogProb-p.LogProb) > 1e-5 {
				t.Errorf("token %d: %g for %d, the scorer gives %g (%v)", i, p.LogProb, p.ID, want[0].LogProb, err)
			}
		}
		if r.LogProbs[i].ID != id || len(r.LogProbs[i].Top) != 3 || r.LogProbs[i].Top[0].LogProb < r.LogProbs[i].Top[1].LogProb {
			t.Errorf("token %d is %d: %v", i, id, r.LogProbs[i])
		}
	}
}
