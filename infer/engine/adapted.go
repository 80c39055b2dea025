package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"trit/infer"
	"trit/lm"
)

// variant is the model of an engine, without or with adapters.
type variant struct {
	m      *infer.Model
	key    int         // tells its prefixes from those of others
	closed atomic.Bool // no prefix is kept any more

	scorer    *infer.Scorer // of the goroutine of scoreAll
	embedding sync.Mutex    // guards embedder
	embedder  *infer.Embedder
}

func (e *Engine) newVariant(m *infer.Model, key int) *variant {
	v := &variant{m: m, key: key, scorer: m.NewScorer(e.o.Memory / 4)}
	v.scorer.TakeTurns(e.takeTurn)
	return v
}

// Adapted answers requests with adapters beside the layers of an engine's model. Its requests and
// those of the engine itself wait in one queue and go through the layers together.
type Adapted struct {
	e *Engine
	v *variant
}

var (
	_ lm.Generator   = (*Adapted)(nil)
	_ lm.TokenScorer = (*Adapted)(nil)
	_ lm.Embedder    = (*Adapted)(nil)
)

// Model is the model that the engine runs, without adapters.
func (e *Engine) Model() *infer.Model { return e.m }

// Adapted makes the engine answer with adapters too.
func (e *Engine) Adapted(list ...infer.ScaledAdapter) (*Adapted, error) {
	m, err := e.m.Adapted(list...)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made++
	return &Adapted{e, e.newVariant(m, e.made)}, nil
}

// Close forgets what was kept of the answers. Requests that are being answered go on.
func (a *Adapted) Close() error {
	a.v.closed.Store(true)
	a.e.mu.Lock()
	defer a.e.mu.Unlock()
	a.e.dropped = append(a.e.dropped, a.v.key)
	a.e.changed.Signal()
	return nil
}

// Generate is Engine.Generate with the adapters.
func (a *Adapted) Generate(ctx context.Context, r lm.GenerateRequest, onDelta func(lm.Delta)) (
	lm.GenerateResult, error,
) {
	return a.e.generate(ctx, a.v, r, onDelta)
}

// ScoreTokens is Engine.ScoreTokens with the adapters.
func (a *Adapted) ScoreTokens(ctx context.Context, requests []lm.ScoreRequest) ([][]lm.TokenLogProbs, error) {
	return a.e.scoreTokens(ctx, a.v, requests)
}

// Embed is Engine.Embed with the adapters.
func (a *Adapted) Embed(ctx context.Context, sequences [][]int32) ([][]float32, error) {
	return a.e.embed(ctx, a.v, sequences)
}
