package answer

import (
	"context"

	"trit/lm"
)

// Embed gives the vectors of sequences, and tells the watchers of the context of the work.
func Embed(ctx context.Context, m *Model, list []Sequence) (vectors [][]float32, err error) {
	ids := make([][]int32, len(list))
	result := &Result{}
	for i, s := range list {
		ids[i] = s.ids
		result.PromptTokens += len(s.ids)
	}
	w := watchersOf(ctx)
	w.began(m.ID)
	vectors, err = m.Embedder.Embed(ctx, ids)
	w.ended(result, err)
	return vectors, err
}

// Score gives the log-probabilities of the tokens of sequences, of each but its first. Without
// answers to the same sequences, whose prompts count, alone tells the watchers of the work.
func Score(ctx context.Context, m *Model, list []Sequence, alone bool) ([][]lm.TokenLogProbs, error) {
	w, result := watchers(nil), &Result{}
	if alone {
		w = watchersOf(ctx)
	}
	var requests []lm.ScoreRequest
	for _, s := range list {
		result.PromptTokens += len(s.ids)
		if n := len(s.ids); n > 1 {
			requests = append(requests, lm.ScoreRequest{Input: s.ids[:n-1], Targets: s.ids[1:]})
		}
	}
	w.began(m.ID)
	scores, err := m.Scorer.ScoreTokens(ctx, requests)
	w.ended(result, err)
	if err != nil {
		return nil, err
	}
	all := make([][]lm.TokenLogProbs, len(list))
	for i, s := range list {
		if len(s.ids) > 1 {
			all[i], scores = scores[0], scores[1:]
		}
	}
	return all, nil
}
