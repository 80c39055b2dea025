// TEMPORARY, until infer.Scorer and train.Scorer have the methods of lm.Model: then Model
// embeds lm.Model, and this file goes.

package repro

import (
	"context"

	"trit/infer"
	"trit/lm"
	"trit/train"
)

// engineModel scores on the engine.
type engineModel struct {
	s             *infer.Scorer
	contextLength int
}

// ContextLength implements lm.Model.
func (e engineModel) ContextLength() int { return e.contextLength }

// Score implements lm.Model.
func (e engineModel) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	list := make([]infer.ScoreRequest, len(requests))
	for i, r := range requests {
		list[i] = infer.ScoreRequest(r)
	}
	scores, err := e.s.Score(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]lm.ScoreResult, len(scores))
	for i, s := range scores {
		out[i] = lm.ScoreResult(s)
	}
	return out, nil
}

// Continue implements lm.Model.
func (e engineModel) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	list := make([]infer.Continuation, len(requests))
	for i, r := range requests {
		list[i] = infer.Continuation{Prompt: r.Prompt, MaxTokens: r.MaxTokens, Stop: r.Stop}
	}
	return e.s.Continue(ctx, list)
}

// ComputedTokens implements lm.Meter.
func (e engineModel) ComputedTokens() int64 { return e.s.Effort().Computed }

// graphModel scores on the graph of a checkpoint.
type graphModel struct{ s *train.Scorer }

// ContextLength implements lm.Model.
func (g graphModel) ContextLength() int { return g.s.Config.MaxPositionEmbeddings }

// Score implements lm.Model.
func (g graphModel) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	rows := make([]train.Row, len(requests))
	for i, r := range requests {
		rows[i] = train.Row{Input: r.Input, Targets: r.Targets}
	}
	if err := g.s.Score(ctx, rows); err != nil {
		return nil, err
	}
	out := make([]lm.ScoreResult, len(rows))
	for i, r := range rows {
		out[i] = lm.ScoreResult{LogProb: r.LogProb, Greedy: r.Greedy}
	}
	return out, nil
}

// Continue implements lm.Model.
func (g graphModel) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	var out [][]int32
	for _, r := range requests {
		ids := append([]int32{}, r.Prompt...)
		for len(ids) < len(r.Prompt)+r.MaxTokens && !r.Stop(ids[len(r.Prompt):]) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			id, err := g.s.Next(ids)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		out = append(out, ids[len(r.Prompt):])
	}
	return out, nil
}
