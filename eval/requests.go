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
	Cached   int     `json:"cached"` // of the requests: answered by the cache
	Tokens   int64   `json:"tokens"` // of the inputs that the model was asked with
	Seconds  float64 `json:"seconds"`
}

// String tells it in a line.
func (e Effort) String() string {
	if e.Cached == e.Requests {
		return fmt.Sprintf("%d requests, all of them cached", e.Requests)
	}
	return fmt.Sprintf("%d requests, %d of them cached, %d tokens in %.1f s, %.0f tokens/s", e.Requests, e.Cached, e.Tokens, e.Seconds, float64(e.Tokens)/max(e.Seconds, 1e-9))
}

// kindOf are requests of one kind.
type kindOf[Q, R any] struct {
	input func(Q) []int32
	size  func(Q) int64  // tokens, for the time left
	key   func(Q) string // in the cache
	run   func(context.Context, []Q) ([]R, error)
	check func(R) error // of a result
}

func (r *runner) score(ctx context.Context, task string, requests []ScoreRequest) ([]ScoreResult, Effort, error) {
	return ask(ctx, r, task, requests, kindOf[ScoreRequest, ScoreResult]{
		input: func(q ScoreRequest) []int32 { return q.Input },
		size:  func(q ScoreRequest) int64 { return int64(len(q.Input)) },
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
		input: func(q GenerateRequest) []int32 { return q.Prompt },
		size:  func(q GenerateRequest) int64 { return int64(len(q.Prompt) + q.MaxTokens) },
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
	p := progress{Progress: Progress{Task: task, Total: len(todo)}, start: time.Now(), show: r.o.Progress}
	for _, i := range todo {
		p.Whole += k.size(requests[i])
	}
	e := Effort{Requests: len(requests), Cached: len(requests) - len(todo)}
	for batch := range slices.Chunk(todo, r.batch()) {
		if ctx.Err() != nil {
			return nil, e, fmt.Errorf("stopped after %d of %d requests; with --use-cache the same command goes on from there: %w", e.Cached+p.Done, len(requests), ctx.Err())
		}
		if err := askBatch(ctx, r, requests, results, keys, batch, k); err != nil {
			return nil, e, err
		}
		for _, i := range batch {
			e.Tokens += int64(len(inputs[i]))
			p.Tokens += k.size(requests[i])
		}
		p.step(len(batch))
	}
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

func (r *runner) batch() int {
	if r.o.Batch > 0 {
		return r.o.Batch
	}
	return DefaultBatch
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
	start time.Time
	show  func(Progress)
}

func (p *progress) step(done int) {
	p.Done += done
	if p.show == nil {
		return
	}
	p.Left = time.Duration(float64(time.Since(p.start)) * float64(p.Whole-p.Tokens) / float64(max(p.Tokens, 1)))
	p.show(p.Progress)
}
