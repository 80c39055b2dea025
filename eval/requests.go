package eval

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"
)

// runner sends requests to the model, in an order and in batches that suit it, and keeps
// their results in the cache. Neither changes a result.
type runner struct {
	model Model
	o     *Options
	cache *cache // nil: none
}

// Effort is what a task took.
type Effort struct {
	Requests int     `json:"requests"`
	Cached   int     `json:"cached"`                    // of the requests: answered by the cache
	Tokens   int64   `json:"tokens"`                    // of the inputs that the model was asked with, and of its answers
	Computed int64   `json:"computed_tokens,omitempty"` // where the model is a Meter
	Seconds  float64 `json:"seconds"`
}

// String tells it in a line.
func (e Effort) String() string {
	if e.Cached == e.Requests {
		return fmt.Sprintf("%d requests, all of them cached", e.Requests)
	}
	rate := func(tokens int64) float64 { return float64(tokens) / max(e.Seconds, 1e-9) }
	line := fmt.Sprintf("%d requests, %d of them cached, %d tokens in %.1f s, %.0f tokens/s", e.Requests, e.Cached, e.Tokens, e.Seconds, rate(e.Tokens))
	if e.Computed > 0 {
		line += fmt.Sprintf("; %d of them computed, %.0f tokens/s", e.Computed, rate(e.Computed))
	}
	return line
}

// kindOf are requests of one kind.
type kindOf[Q, R any] struct {
	batch batchLimit
	input func(Q) []int32
	size  func(Q) int64  // tokens, for the time left
	made  func(R) int64  // tokens of an answer
	key   func(Q) string // in the cache
	run   func(context.Context, []Q) ([]R, error)
	check func(R) error // of a result
}

func (r *runner) score(ctx context.Context, task string, requests []ScoreRequest) ([]ScoreResult, Effort, error) {
	return ask(ctx, r, task, requests, kindOf[ScoreRequest, ScoreResult]{
		batch: scoreBatch,
		input: func(q ScoreRequest) []int32 { return q.Input },
		size:  func(q ScoreRequest) int64 { return int64(len(q.Input)) },
		made:  func(ScoreResult) int64 { return 0 },
		key:   func(q ScoreRequest) string { return requestKey(r.o.Fingerprint, "score", 0, nil, q.Input, q.Targets) },
		run:   r.model.Score,
		check: func(s ScoreResult) error {
			if math.IsNaN(s.LogProb) || math.IsInf(s.LogProb, 0) {
				return fmt.Errorf("the model gives a log-likelihood of %g: its weights or its logits are no numbers", s.LogProb)
			}
			return nil
		},
	})
}

func (r *runner) generate(ctx context.Context, task string, requests []GenerateRequest) ([][]int32, Effort, error) {
	return ask(ctx, r, task, requests, kindOf[GenerateRequest, []int32]{
		batch: generateBatch,
		input: func(q GenerateRequest) []int32 { return q.Prompt },
		size:  func(q GenerateRequest) int64 { return int64(len(q.Prompt) + q.MaxTokens) },
		made:  func(ids []int32) int64 { return int64(len(ids)) },
		key: func(q GenerateRequest) string {
			return requestKey(r.o.Fingerprint, "generate", q.MaxTokens, q.Until, q.Prompt)
		},
		run:   r.model.Generate,
		check: func([]int32) error { return nil },
	})
}

// requestKey names a request by all that its result depends on.
func requestKey(fingerprint, kind string, maxTokens int, until []string, ids ...[]int32) string {
	h := sha256.New()
	text := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	text(fingerprint)
	text(kind)
	fmt.Fprintf(h, "%d %d ", maxTokens, len(until))
	for _, u := range until {
		text(u)
	}
	for _, list := range ids {
		fmt.Fprintf(h, "%d ", len(list))
		binary.Write(h, binary.LittleEndian, list)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ask gives the results of requests in their order.
func ask[Q, R any](ctx context.Context, r *runner, task string, requests []Q, k kindOf[Q, R]) ([]R, Effort, error) {
	results, keys := make([]R, len(requests)), make([]string, len(requests))
	inputs := make([][]int32, len(requests))
	for i, q := range requests {
		inputs[i] = k.input(q)
	}
	var todo []int
	for _, i := range inOrder(inputs) {
		if r.cache != nil {
			keys[i] = k.key(requests[i])
			if r.cache.get(keys[i], &results[i]) {
				continue
			}
		}
		todo = append(todo, i)
	}
	p := progress{Progress: Progress{Task: task, Total: len(todo)}, start: time.Now(), show: r.o.Progress, before: r.computed()}
	for _, i := range todo {
		p.Whole += k.size(requests[i])
	}
	e := Effort{Requests: len(requests), Cached: len(requests) - len(todo)}
	for len(todo) > 0 {
		batch := todo[:r.batch(todo, inputs, k.batch)]
		todo = todo[len(batch):]
		if ctx.Err() != nil {
			return nil, e, fmt.Errorf("stopped after %d of %d requests; with --use-cache the same command goes on from there: %w", e.Cached+p.Done, len(requests), ctx.Err())
		}
		if err := askBatch(ctx, r, requests, results, keys, batch, k); err != nil {
			return nil, e, err
		}
		for _, i := range batch {
			e.Tokens += int64(len(inputs[i])) + k.made(results[i])
			p.Tokens += k.size(requests[i])
		}
		p.step(len(batch), r.computed())
	}
	e.Computed = p.Computed
	e.Seconds = time.Since(p.start).Seconds()
	return results, e, nil
}

// askBatch asks some requests and remembers the results.
func askBatch[Q, R any](ctx context.Context, r *runner, requests []Q, results []R, keys []string, batch []int, k kindOf[Q, R]) error {
	part := make([]Q, len(batch))
	for n, i := range batch {
		part[n] = requests[i]
	}
	got, err := k.run(ctx, part)
	if err != nil {
		return err
	}
	if len(got) != len(part) {
		return fmt.Errorf("the model gave %d results for %d requests", len(got), len(part))
	}
	for n, i := range batch {
		if err := k.check(got[n]); err != nil {
			return err
		}
		results[i] = got[n]
	}
	if r.cache == nil {
		return nil
	}
	return r.cache.put(func(yield func(string, any) bool) {
		for n, i := range batch {
			if !yield(keys[i], got[n]) {
				return
			}
		}
	})
}

// batchLimit is how many requests go to a model at a time, and how many tokens that a
// request does not have in common with the one before it.
type batchLimit struct{ requests, tokens int }

// Between batches progress is shown, the cache is written and Ctrl-C is heard. Fewer
// requests would leave a model that computes many together without work at their end.
var (
	scoreBatch    = batchLimit{4096, 16384}
	generateBatch = batchLimit{64, math.MaxInt}
)

// batch is how many of the next requests go to the model.
func (r *runner) batch(todo []int, inputs [][]int32, limit batchLimit) int {
	if r.o.Batch > 0 {
		return min(r.o.Batch, len(todo))
	}
	n, tokens := 1, len(inputs[todo[0]])
	for ; n < min(limit.requests, len(todo)); n++ {
		next := inputs[todo[n]]
		if tokens += len(next) - common(inputs[todo[n-1]], next); tokens > limit.tokens {
			break
		}
	}
	return n
}

// computed is how many tokens the model has computed so far; 0 where it does not tell.
func (r *runner) computed() int64 {
	if m, ok := r.model.(Meter); ok {
		return m.ComputedTokens()
	}
	return 0
}

// inOrder numbers inputs so that those with a common beginning are neighbours, and
// families of such the sooner the longer they are: so the time left is seen early.
func inOrder(inputs [][]int32) []int {
	order := make([]int, len(inputs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := inputs[a], inputs[b]
		n := common(x, y)
		if n == len(x) || n == len(y) {
			return cmp.Compare(len(y), len(x))
		}
		return cmp.Compare(x[n], y[n])
	})
	type family struct {
		members []int
		longest int
	}
	var families []family
	for n, i := range order {
		if n == 0 || !related(inputs[order[n-1]], inputs[i]) {
			families = append(families, family{})
		}
		f := &families[len(families)-1]
		f.members, f.longest = append(f.members, i), max(f.longest, len(inputs[i]))
	}
	slices.SortStableFunc(families, func(a, b family) int { return cmp.Compare(b.longest, a.longest) })
	order = order[:0:0]
	for _, f := range families {
		order = append(order, f.members...)
	}
	return order
}

// common is how many tokens two inputs begin with alike.
func common(a, b []int32) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// related inputs have more than half of the shorter one in common.
func related(a, b []int32) bool { return 2*common(a, b) > min(len(a), len(b)) }

// progress tells how far a task is.
type progress struct {
	Progress
	start  time.Time
	show   func(Progress)
	before int64 // tokens that the model had computed
}

func (p *progress) step(done int, computed int64) {
	p.Done += done
	p.Computed, p.Seconds = computed-p.before, time.Since(p.start).Seconds()
	if p.show == nil {
		return
	}
	p.Left = time.Duration(float64(time.Since(p.start)) * float64(p.Whole-p.Tokens) / float64(max(p.Tokens, 1)))
	p.show(p.Progress)
}
