// TEMPORARY, until infer.Scorer and train.Scorer have the methods of lm.Model: then Model
// embeds lm.Model, and this file goes.

package repro

import (
	"context"

	"trit/eval"
	"trit/infer"
	"trit/train"
)

// engineModel scores on the engine.
type engineModel struct{ s *infer.Scorer }

// Score implements eval.Model.
func (e engineModel) Score(ctx context.Context, requests []eval.ScoreRequest) ([]eval.ScoreResult, error) {
	list := make([]infer.ScoreRequest, len(requests))
	for i, r := range requests {
		list[i] = infer.ScoreRequest(r)
	}
	scores, err := e.s.Score(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]eval.ScoreResult, len(scores))
	for i, s := range scores {
		out[i] = eval.ScoreResult(s)
	}
	return out, nil
}

// Generate implements eval.Model.
func (e engineModel) Generate(ctx context.Context, requests []eval.GenerateRequest) ([][]int32, error) {
	list := make([]infer.Continuation, len(requests))
	for i, r := range requests {
		list[i] = infer.Continuation{Prompt: r.Prompt, MaxTokens: r.MaxTokens, Stop: r.Stop}
	}
	return e.s.Continue(ctx, list)
}

// ComputedTokens implements eval.Meter.
func (e engineModel) ComputedTokens() int64 { return e.s.Effort().Computed }

// graphModel scores on the graph of a checkpoint.
type graphModel struct{ s *train.Scorer }

// Score implements eval.Model.
func (g graphModel) Score(ctx context.Context, requests []eval.ScoreRequest) ([]eval.ScoreResult, error) {
	rows := make([]train.Row, len(requests))
	for i, r := range requests {
		rows[i] = train.Row{Input: r.Input, Targets: r.Targets}
	}
	if err := g.s.Score(ctx, rows); err != nil {
		return nil, err
	}
	out := make([]eval.ScoreResult, len(rows))
	for i, r := range rows {
		out[i] = eval.ScoreResult{LogProb: r.LogProb, Greedy: r.Greedy}
	}
	return out, nil
}

// Generate implements eval.Model.
func (g graphModel) Generate(ctx context.Context, requests []eval.GenerateRequest) ([][]int32, error) {
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
