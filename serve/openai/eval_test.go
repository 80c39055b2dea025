package openai

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	evalclient "trit/eval/openai"
	"trit/lm"
)

// scorer is a model whose log-probabilities depend on what comes before a token. Their digits fill
// a float64, so that a rounding anywhere shows.
type scorer struct{}

// logits are those behind some tokens.
func logits(before []int32) []float64 {
	seed := uint64(len(before))
	for _, id := range before {
		seed = seed*31 + uint64(id)
	}
	r := rand.New(rand.NewPCG(seed, 7))
	list := make([]float64, 262)
	for i := range list {
		list[i] = r.NormFloat64() * 4
	}
	return list
}

func (scorer) ScoreTokens(_ context.Context, requests []lm.ScoreRequest) ([][]lm.TokenLogProbs, error) {
	out := make([][]lm.TokenLogProbs, len(requests))
	for i, r := range requests {
		for k, target := range r.Targets {
			list := logits(r.Input[:len(r.Input)-len(r.Targets)+k+1])
			sum, best := 0.0, 0
			for id, v := range list {
				sum += math.Exp(v)
				if v > list[best] {
					best = id
				}
			}
			p := lm.TokenLogProbs{LogProb: lm.LogProb{ID: target, LogProb: list[target] - math.Log(sum)}}
			p.Top = []lm.LogProb{{ID: int32(best), LogProb: list[best] - math.Log(sum)}}
			out[i] = append(out[i], p)
		}
	}
	return out, nil
}

// TestEvaluationOverHTTP joins the client of trit eval with the server: each score is the model's
// own, to the last bit.
func TestEvaluationOverHTTP(t *testing.T) {
	_, m := newModel(t, "x")
	client, err := evalclient.New(start(t, m)+"/v1", "tiny", m.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	client.Prompts = 3
	var requests []lm.ScoreRequest
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 40; n++ {
		ids := make([]int32, n+1)
		for i := range ids {
			ids[i] = r.Int32N(262) // special tokens and parts of characters too
		}
		targets := 1 + r.IntN(n)
		if n%4 == 0 { // the likeliest tokens
			for i := len(ids) - targets; i < len(ids); i++ {
				list := logits(ids[:i])
				ids[i] = int32(slices.Index(list, slices.Max(list)))
			}
		}
		requests = append(requests, lm.ScoreRequest{Input: ids[:n], Targets: ids[len(ids)-targets:]})
	}
	got, err := client.Score(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	tokens, _ := scorer{}.ScoreTokens(t.Context(), requests)
	greedy := 0
	for i, list := range tokens {
		want := lm.ScoreResult{Greedy: true}
		for k, p := range list {
			want.LogProb += p.LogProb.LogProb
			want.Greedy = want.Greedy && p.Top[0].ID == requests[i].Targets[k]
		}
		if got[i] != want {
			t.Errorf("request %d of %d targets: %v over HTTP, %v direct", i, len(list), got[i], want)
		}
		if want.Greedy {
			greedy++
		}
	}
	if greedy < 10 || greedy == len(requests) {
		t.Errorf("%d of %d requests are greedy: the test compares nothing", greedy, len(requests))
	}
}

// TestContinuationsOverHTTP looks at what the model is asked for greedy continuations.
func TestContinuationsOverHTTP(t *testing.T) {
	s, m := newModel(t, "some", " words")
	client, err := evalclient.New(start(t, m)+"/v1", "tiny", m.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Continue(t.Context(), []lm.ContinueRequest{{Prompt: []int32{5, 6}, MaxTokens: 9, Until: []string{"\n\n"}}})
	if err != nil || m.Tokenizer.Decode(got[0]) != "some words" {
		t.Errorf("%v %v, want the tokens of some words", got, err)
	}
	r := s.last(t)
	if !slices.Equal(r.Prompt, []int32{5, 6}) || r.MaxTokens != 9 || r.Sampling.Temperature != 0 || !slices.Equal(r.Stop, []string{"\n\n"}) {
		t.Errorf("the model is asked %+v", r)
	}
}
