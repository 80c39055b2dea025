package main

import (
	"context"
	"fmt"
	"os"

	"trit/eval"
	"trit/infer"
	"trit/lm"
	"trit/tokenizer"
	"trit/train"
)

// scorer is a model that eval can measure, with what belongs to it.
type scorer struct {
	lm.Model
	tok   *tokenizer.Tokenizer // nil where the model has none
	close func() error
}

// openScorer opens a GGUF file on the engine, or a checkpoint folder on its graph.
func openScorer(path string, o infer.Options) (*scorer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openGraphScorer(path, o.Threads)
	}
	m, tok, err := openGGUF(path, o)
	if err != nil {
		return nil, err
	}
	return &scorer{engineModel{m.NewScorer(0), m.ContextLength()}, tok, m.Close}, nil
}

func openGraphScorer(dir string, threads int) (*scorer, error) {
	s, err := train.LoadScorer(dir, threads)
	if err != nil {
		return nil, err
	}
	tok, err := tokenizer.Load(s.Dir)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &scorer{graphModel{s}, tok, s.Close}, nil
}

func (s *scorer) evaluate(ctx context.Context, con *console, o eval.Options) (*eval.Report, error) {
	var shown *progress
	task := ""
	o.Tokenizer = s.tok
	o.Progress = func(p eval.Progress) {
		if p.Task != task {
			shown, task = con.progress("tokens"), p.Task
		}
		shown.show(p.Tokens, p.Whole, progressNote(p))
	}
	report, err := eval.Run(ctx, s.Model, o)
	if shown != nil {
		shown.end()
	}
	return report, err
}

// progressNote is how far a task is, and how many of the tokens were computed, the others
// being shared beginnings.
func progressNote(p eval.Progress) string {
	note := fmt.Sprintf("%s, %d of %d requests", p.Task, p.Done, p.Total)
	if p.Computed > 0 {
		note += fmt.Sprintf(", %.0f tokens/s computed", float64(p.Computed)/max(p.Seconds, 1e-9))
	}
	return "(" + note + ")"
}

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
