// Package engine answers many requests at once on one model. All answers go through the layers
// together; long prompts are read in pieces between the tokens of others; and what a prompt has in
// common with an earlier one is computed once.
package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"trit/infer"
	"trit/lm"
)

// Options are limits of an engine.
type Options struct {
	Context   int // most tokens of a prompt and its answer; 0: the model's context length
	Memory    int // bytes of KV caches, of answers and of kept prefixes together; 0: DefaultMemory
	Answers   int // most answers that are computed together; 0: DefaultAnswers
	QueueSize int // most requests that wait; 0: DefaultQueueSize
}

// Defaults of Options.
const (
	DefaultMemory    = 2 << 30
	DefaultAnswers   = 64
	DefaultQueueSize = 256
)

// Engine answers requests of any number of goroutines. An answer is the same alone and beside
// others.
type Engine struct {
	m   *infer.Model
	tok infer.TokenText
	o   Options

	turn sync.Mutex // is held while a pass goes through the layers
	pace pace       // guarded by turn

	life context.Context // ends when the engine is closed
	end  context.CancelFunc
	base *variant // the model without adapters

	mu      sync.Mutex // guards what follows
	changed *sync.Cond // something waits, or the engine is closed
	waiting []*job     // in the order in which they came
	closed  bool
	stats   Stats
	scoring []*scoreJob // that wait
	scores  bool        // a goroutine empties scoring
	scorers sync.WaitGroup
	made    int   // number of variants with adapters so far
	dropped []int // keys of those that were closed, whose prefixes are still kept

	kept   prefixes
	saving sync.Mutex // is held while they are saved

	// Only the goroutine of run uses what follows.
	running  []*job
	reserved int // bytes of the sessions of running
	batch    *infer.Batch
	work     float64       // in each layer, of the pieces of prompts on their way
	ended    chan struct{} // closed when run has returned
}

var _ lm.Generator = (*Engine)(nil)

// ErrClosed is the error of requests to an engine that is closed.
var ErrClosed = errors.New("the model is being unloaded")

// New starts an engine. The caller closes it. Texts of tokens come from tok.
func New(m *infer.Model, tok infer.TokenText, o Options) *Engine {
	fill := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
	}
	fill(&o.Context, m.ContextLength())
	fill(&o.Memory, DefaultMemory)
	fill(&o.Answers, DefaultAnswers)
	fill(&o.QueueSize, DefaultQueueSize)
	e := &Engine{m: m, tok: tok, o: o, pace: newPace(m), batch: m.NewBatch(), ended: make(chan struct{})}
	e.changed = sync.NewCond(&e.mu)
	e.life, e.end = context.WithCancel(context.Background())
	e.base = e.newVariant(m, 0)
	go e.run()
	return e
}

// Close ends all answers with lm.FinishCancel, refuses the requests that wait and all that come,
// and returns when nothing is computed any more.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.changed.Signal()
	e.mu.Unlock()
	e.end()
	<-e.ended
	e.scorers.Wait()
}

// ContextLength is the most tokens of a prompt and its answer.
func (e *Engine) ContextLength() int { return e.o.Context }

// Generate implements lm.Generator for any number of goroutines. A request waits until there is
// memory for its prompt and MaxTokens. It fails with lm.LengthError if there can never be enough,
// and with lm.BusyError if too many wait. onDelta is called on the caller's goroutine: a slow
// one holds up nobody else.
func (e *Engine) Generate(ctx context.Context, r lm.GenerateRequest, onDelta func(lm.Delta)) (
	lm.GenerateResult, error,
) {
	return e.generate(ctx, e.base, r, onDelta)
}

// generate answers a request with a variant of the model.
func (e *Engine) generate(ctx context.Context, v *variant, r lm.GenerateRequest, onDelta func(lm.Delta)) (
	lm.GenerateResult, error,
) {
	j, err := e.newJob(ctx, v, r)
	if err != nil {
		return lm.GenerateResult{}, err
	}
	if err := e.enqueue(j); err != nil {
		return lm.GenerateResult{}, err
	}
	for {
		select {
		case <-j.news:
		case <-ctx.Done():
			if e.withdraw(j) {
				return lm.GenerateResult{FinishReason: lm.FinishCancel, PromptTokens: len(r.Prompt)}, nil
			}
			<-j.news // the next pass ends the answer
		}
		deltas, ended := j.take()
		for _, d := range deltas {
			if onDelta != nil {
				onDelta(d)
			}
		}
		if ended {
			return j.result, j.err
		}
	}
}

// newJob checks a request.
func (e *Engine) newJob(ctx context.Context, v *variant, r lm.GenerateRequest) (*job, error) {
	if err := r.Sampling.Validate(); err != nil {
		return nil, err
	}
	if err := e.m.CheckPrompt(r.Prompt); err != nil {
		return nil, err
	}
	if len(r.Prompt) >= e.o.Context {
		return nil, &lm.LengthError{Tokens: len(r.Prompt) + 1, Limit: e.o.Context, Of: "the context"}
	}
	tokens := min(len(r.Prompt)+r.MaxTokens, e.o.Context)
	j := &job{ctx: ctx, of: v, request: r, bytes: e.m.SessionBytes(tokens), news: make(chan struct{}, 1)}
	drafts := 0
	if r.PromptLookup {
		drafts = e.m.DraftBytes()
		j.bytes += drafts
	}
	if j.bytes > e.o.Memory {
		limit := e.m.SessionTokens(e.o.Memory - drafts)
		return nil, &lm.LengthError{Tokens: tokens, Limit: limit, Of: "the memory for caches"}
	}
	return j, nil
}

func (e *Engine) enqueue(j *job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return ErrClosed
	case len(e.waiting) >= e.o.QueueSize:
		e.stats.Refused++
		return &lm.BusyError{Waiting: len(e.waiting), RetryAfter: e.stats.wait(len(e.waiting), e.o.Answers)}
	}
	j.came = time.Now()
	e.waiting = append(e.waiting, j)
	e.changed.Signal()
	return nil
}

// withdraw takes a job out of the queue, and reports whether it was still there.
func (e *Engine) withdraw(j *job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := slices.Index(e.waiting, j)
	if at >= 0 {
		e.waiting = slices.Delete(e.waiting, at, at+1)
	}
	return at >= 0
}
