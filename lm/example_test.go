package lm_test

import (
	"context"
	"fmt"

	"trit/lm"
)

// counting is a model of 10 tokens. To it, the likeliest token after n is n+1.
type counting struct{}

var _ lm.Model = counting{}

func (counting) Score(_ context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	results := make([]lm.ScoreResult, len(requests))
	for i, r := range requests {
		results[i].Greedy = true
		for j, id := range r.Input[len(r.Input)-len(r.Targets):] {
			results[i].Greedy = results[i].Greedy && r.Targets[j] == (id+1)%10
		}
	}
	return results, nil
}

func (counting) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	results := make([][]int32, len(requests))
	for i, r := range requests {
		last := r.Prompt[len(r.Prompt)-1]
		for len(results[i]) < r.MaxTokens && (r.Stop == nil || !r.Stop(results[i])) {
			last = (last + 1) % 10
			results[i] = append(results[i], last)
		}
	}
	return results, nil
}

func (counting) ContextLength() int { return 100 }

// Any type with the three methods can be evaluated and served.
func Example() {
	var m lm.Model = counting{}
	scores, _ := m.Score(context.Background(), []lm.ScoreRequest{
		{Input: []int32{1, 2, 3}, Targets: []int32{3, 4}}, {Input: []int32{1, 2, 3}, Targets: []int32{5}},
	})
	answers, _ := m.Continue(context.Background(), []lm.ContinueRequest{{Prompt: []int32{7}, MaxTokens: 4}})
	fmt.Println(scores[0].Greedy, scores[1].Greedy, answers[0])
	// Output: true false [8 9 0 1]
}
