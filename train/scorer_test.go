package train

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"trit/lm"
)

func scorerOf(t *testing.T) *Scorer {
	t.Helper()
	s, err := LoadScorer("../testdata/checkpoints/hf-bitnet-bf16", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestScorerContinuesGreedily asks Score whether each token of a continuation is likeliest,
// and whether others are not.
func TestScorerContinuesGreedily(t *testing.T) {
	s := scorerOf(t)
	requests := []lm.ContinueRequest{
		{Prompt: []int32{1, 2, 3}, MaxTokens: 6},
		{Prompt: make([]int32, 40), MaxTokens: 3},
		{Prompt: []int32{9}, MaxTokens: 50, Stop: func(ids []int32) bool { return len(ids) == 2 }},
		{Prompt: []int32{9}},
	}
	answers, err := s.Continue(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	var scores []lm.ScoreRequest
	for i, n := range []int{6, 3, 2, 0} {
		if len(answers[i]) != n {
			t.Fatalf("answer %d has %d tokens, want %d", i, len(answers[i]), n)
		}
		if n > 0 {
			all := slices.Concat(requests[i].Prompt, answers[i])
			other := slices.Clone(answers[i])
			other[n-1]++
			scores = append(scores, lm.ScoreRequest{Input: all[:len(all)-1], Targets: answers[i]},
				lm.ScoreRequest{Input: all[:len(all)-1], Targets: other})
		}
	}
	results, err := s.Score(t.Context(), scores)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Greedy != (i%2 == 0) || !(r.LogProb < 0) {
			t.Errorf("request %d: %+v", i, r)
		}
		alone, err := s.Score(t.Context(), scores[i:i+1])
		if err != nil || math.Abs(alone[0].LogProb-r.LogProb) > 1e-4 || alone[0].Greedy != r.Greedy {
			t.Errorf("request %d: %+v, alone %+v (%v)", i, r, alone, err)
		}
	}
}

func TestScorerRefuses(t *testing.T) {
	s := scorerOf(t)
	long := make([]int32, s.ContextLength()+1)
	_, score := s.Score(t.Context(), []lm.ScoreRequest{{Input: long, Targets: []int32{1}}})
	_, targets := s.Score(t.Context(), []lm.ScoreRequest{{Input: []int32{1}, Targets: []int32{1, 2}}})
	_, continued := s.Continue(t.Context(), []lm.ContinueRequest{{Prompt: long, MaxTokens: 1}})
	_, empty := s.Continue(t.Context(), []lm.ContinueRequest{{MaxTokens: 1}})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, stopped := s.Continue(ended, []lm.ContinueRequest{{Prompt: []int32{1}, MaxTokens: 1}})
	for _, c := range []struct {
		err  error
		want string
	}{
		{score, "context"}, {targets, "2 targets after 1"}, {continued, "context"}, {empty, "of 0 tokens"}, {stopped, "canceled"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}
