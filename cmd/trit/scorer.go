package main

import (
	"context"
	"fmt"
	"os"

	"trit/eval"
	"trit/infer"
	"trit/internal/parallel"
	"trit/lm"
	"trit/tokenizer"
	"trit/train"
)

// scorer is a model that eval can measure, with what belongs to it.
type scorer struct {
	eval.Model
	tok       *tokenizer.Tokenizer // nil where the model has none
	maxLength int
	close     func() error
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
	return &scorer{scoredModel{m.NewScorer(0)}, tok, m.ContextLength(), m.Close}, nil
}

func openGraphScorer(dir string, threads int) (*scorer, error) {
	parallel.SetThreads(threads)
	s, err := train.LoadScorer(dir)
	if err != nil {
		return nil, err
	}
	tok, err := tokenizer.Load(s.Dir)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &scorer{scoredModel{s}, tok, s.ContextLength(), s.Close}, nil
}

func (s *scorer) evaluate(ctx context.Context, con *console, o eval.Options) (*eval.Report, error) {
	var shown *progress
	task := ""
	o.Tokenizer, o.MaxLength = s.tok, s.maxLength
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

// scoredModel is an lm.Model as eval asks it.
type scoredModel struct{ m lm.Model }

// Score implements eval.Model.
func (e scoredModel) Score(ctx context.Context, requests []eval.ScoreRequest) ([]eval.ScoreResult, error) {
	list := make([]lm.ScoreRequest, len(requests))
	for i, r := range requests {
		list[i] = lm.ScoreRequest(r)
	}
	results, err := e.m.Score(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]eval.ScoreResult, len(results))
	for i, r := range results {
		out[i] = eval.ScoreResult(r)
	}
	return out, nil
}

// Generate implements eval.Model.
func (e scoredModel) Generate(ctx context.Context, requests []eval.GenerateRequest) ([][]int32, error) {
	list := make([]lm.ContinueRequest, len(requests))
	for i, r := range requests {
		list[i] = lm.ContinueRequest(r)
	}
	return e.m.Continue(ctx, list)
}

// ComputedTokens implements eval.Meter; it is 0 where the model does not count.
func (e scoredModel) ComputedTokens() int64 {
	if m, ok := e.m.(lm.Meter); ok {
		return m.ComputedTokens()
	}
	return 0
}
