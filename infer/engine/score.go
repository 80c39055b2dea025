package engine

import (
	"context"
	"fmt"
	"slices"

	"trit/lm"
)

var (
	_ lm.TokenScorer = (*Engine)(nil)
	_ lm.Embedder    = (*Engine)(nil)
)

// scoreJob is a call of ScoreTokens.
type scoreJob struct {
	ctx      context.Context
	of       *variant
	requests []lm.ScoreRequest
	tokens   [][]lm.TokenLogProbs
	err      error
	done     chan struct{}
}

// ScoreTokens implements lm.TokenScorer for any number of goroutines. Calls that come while others
// are computed go through the layers together. It fails with lm.LengthError for an input that is
// longer than the context.
func (e *Engine) ScoreTokens(ctx context.Context, requests []lm.ScoreRequest) ([][]lm.TokenLogProbs, error) {
	return e.scoreTokens(ctx, e.base, requests)
}

// scoreTokens scores with a variant of the model.
func (e *Engine) scoreTokens(ctx context.Context, v *variant, requests []lm.ScoreRequest) (
	[][]lm.TokenLogProbs, error,
) {
	for i, r := range requests {
		if len(r.Input) > e.o.Context {
			return nil, &lm.LengthError{Tokens: len(r.Input), Limit: e.o.Context, Of: "the context"}
		}
		if err := v.scorer.CheckScore(r); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
	}
	j := &scoreJob{ctx: ctx, of: v, requests: requests, done: make(chan struct{})}
	if err := e.addScoring(j); err != nil {
		return nil, err
	}
	select {
	case <-j.done:
		return j.tokens, j.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// addScoring puts a job into the queue, and starts the goroutine that empties it if none does.
func (e *Engine) addScoring(j *scoreJob) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	if len(e.scoring) >= e.o.QueueSize {
		e.stats.Refused++
		return &lm.BusyError{Waiting: len(e.scoring), RetryAfter: e.stats.wait(len(e.scoring), 1)}
	}
	e.scoring = append(e.scoring, j)
	if !e.scores {
		e.scores = true
		e.scorers.Go(e.scoreAll)
	}
	return nil
}

// scoreAll scores until nothing waits.
func (e *Engine) scoreAll() {
	for {
		e.mu.Lock()
		jobs := e.scoring
		e.scoring = nil
		if len(jobs) == 0 {
			e.scores = false
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		for len(jobs) > 0 {
			v := jobs[0].of
			others := slices.IndexFunc(jobs, func(j *scoreJob) bool { return j.of != v })
			if others < 0 {
				others = len(jobs)
			}
			e.score(v, jobs[:others])
			jobs = jobs[others:]
		}
	}
}

// score answers jobs of a variant together. Those whose callers have left are not computed.
func (e *Engine) score(v *variant, jobs []*scoreJob) {
	var all []lm.ScoreRequest
	for _, j := range jobs {
		if j.ctx.Err() == nil {
			all = append(all, j.requests...)
		}
	}
	tokens, err := v.scorer.ScoreTokens(e.life, all)
	for _, j := range jobs {
		if n := len(j.requests); err == nil && j.ctx.Err() == nil && n <= len(tokens) {
			j.tokens, tokens = tokens[:n], tokens[n:]
		} else if j.err = err; err == nil {
			j.err = context.Canceled
		}
		close(j.done)
	}
}

// takeTurn waits until a pass of the scorer or the embedder may go through the layers.
func (e *Engine) takeTurn() (limit int, done func()) {
	e.turn.Lock()
	e.mu.Lock()
	running := e.stats.Running
	e.mu.Unlock()
	return e.pace.whole(running, 1, 0), e.turn.Unlock
}

// Embed implements lm.Embedder for any number of goroutines.
func (e *Engine) Embed(ctx context.Context, sequences [][]int32) ([][]float32, error) {
	return e.embed(ctx, e.base, sequences)
}

// embed embeds with a variant of the model.
func (e *Engine) embed(ctx context.Context, v *variant, sequences [][]int32) ([][]float32, error) {
	for _, ids := range sequences {
		if len(ids) > e.o.Context {
			return nil, &lm.LengthError{Tokens: len(ids), Limit: e.o.Context, Of: "the context"}
		}
		if err := e.m.CheckPrompt(ids); err != nil {
			return nil, err
		}
	}
	v.embedding.Lock()
	defer v.embedding.Unlock()
	if v.embedder == nil {
		var err error
		if v.embedder, err = v.m.NewEmbedder(e.o.Context); err != nil {
			return nil, err
		}
		v.embedder.TakeTurns(e.takeTurn)
	}
	vectors := make([][]float32, len(sequences))
	for i, ids := range sequences {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if vectors[i], err = v.embedder.EmbedSequence(ids); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}
