package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"trit/eval"
	"trit/infer"
	"trit/internal/parallel"
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
	s, err := m.NewSession(m.ContextLength())
	if err != nil {
		m.Close()
		return nil, err
	}
	return &scorer{&engineModel{session: s, vocab: m.Config().VocabSize}, tok, m.ContextLength(), m.Close}, nil
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
	return &scorer{graphModel{s}, tok, s.Config.MaxPositionEmbeddings, s.Close}, nil
}

func (s *scorer) evaluate(ctx context.Context, con *console, o eval.Options) (*eval.Report, error) {
	var shown *progress
	task := ""
	o.Tokenizer, o.MaxLength = s.tok, s.maxLength
	o.Progress = func(p eval.Progress) {
		if p.Task != task {
			shown, task = con.progress("tokens"), p.Task
		}
		shown.show(p.Tokens, p.Whole, fmt.Sprintf("(%s, %d of %d requests)", p.Task, p.Done, p.Total))
	}
	report, err := eval.Run(ctx, s, o)
	if shown != nil {
		shown.end()
	}
	return report, err
}

// engineModel scores on a session of the engine. What a request begins with in common
// with the one before is in the cache already: the choices of a question share it.
type engineModel struct {
	session *infer.Session
	vocab   int
	cached  []int32
	logits  []float32
}

// Score implements eval.Model.
func (e *engineModel) Score(ctx context.Context, requests []eval.ScoreRequest) ([]eval.ScoreResult, error) {
	var out []eval.ScoreResult
	for _, r := range requests {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		logits, err := e.forward(r.Input, len(r.Targets))
		if err != nil {
			return nil, err
		}
		result := eval.ScoreResult{Greedy: true}
		for i, t := range r.Targets {
			p, greedy := logProb(logits[i*e.vocab:][:e.vocab], t)
			result.LogProb += p
			result.Greedy = result.Greedy && greedy
		}
		out = append(out, result)
	}
	return out, nil
}

// forward gives the logits of the last n tokens of input.
func (e *engineModel) forward(input []int32, n int) ([]float32, error) {
	same := 0
	for same < min(len(e.cached), len(input)-n) && e.cached[same] == input[same] {
		same++
	}
	e.session.Truncate(same)
	e.cached = append(e.cached[:same], input[same:]...)
	if need := n * e.vocab; cap(e.logits) < need {
		e.logits = make([]float32, need)
	}
	logits := e.logits[:n*e.vocab]
	return logits, e.session.Forward(input[same:], logits, len(input)-same-n)
}

// logProb is log p of token t under logits, in float64, and whether t is the likeliest.
func logProb(logits []float32, t int32) (p float64, greedy bool) {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - logits[best]))
	}
	return float64(logits[t]-logits[best]) - math.Log(sum), int(t) == best
}

// Generate implements eval.Model.
func (e *engineModel) Generate(ctx context.Context, requests []eval.GenerateRequest) ([][]int32, error) {
	return generateGreedily(ctx, requests, func(ids []int32) (int32, error) {
		logits, err := e.forward(ids, 1)
		if err != nil {
			return 0, err
		}
		best := 0
		for i, v := range logits {
			if v > logits[best] {
				best = i
			}
		}
		return int32(best), nil
	})
}

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
	return generateGreedily(ctx, requests, g.s.Next)
}

// generateGreedily continues each prompt by the likeliest token, again and again.
func generateGreedily(ctx context.Context, requests []eval.GenerateRequest, next func([]int32) (int32, error)) ([][]int32, error) {
	var out [][]int32
	for _, r := range requests {
		ids := append([]int32{}, r.Prompt...)
		for len(ids) < len(r.Prompt)+r.MaxTokens && !r.Stop(ids[len(r.Prompt):]) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			id, err := next(ids)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		out = append(out, ids[len(r.Prompt):])
	}
	return out, nil
}
