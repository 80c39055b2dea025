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

	"trit/lm"
	"trit/setting"
)

// runner sends requests to the model, in an order and in batches that suit it, and keeps the
// results in the cache. Order, batches and cache change no result.
type runner struct {
	model lm.Model
	o     *Options
	cache *cache // nil: none
}

// Effort is the work and the time that a task took.
type Effort struct {
	Requests int     `json:"requests"`
	Cached   int     `json:"cached"`                    // number of requests that the cache answered
	Tokens   int64   `json:"tokens"`                    // of inputs that the model got, and of its answers
	Computed int64   `json:"computed_tokens,omitempty"` // if the model is an lm.Meter
	Seconds  float64 `json:"seconds"`
}

// String is the effort in a line.
func (e Effort) String() string {
	if e.Cached == e.Requests {
		return fmt.Sprintf("%d requests, all of them cached", e.Requests)
	}
	rate := func(tokens int64) float64 { return float64(tokens) / max(e.Seconds, 1e-9) }
	line := fmt.Sprintf("%d requests, %d of them cached, %d tokens in %.1f s, %.0f tokens/s",
		e.Requests, e.Cached, e.Tokens, e.Seconds, rate(e.Tokens))
	if e.Computed > 0 {
		line += fmt.Sprintf("; %d of them computed, %.0f tokens/s", e.Computed, rate(e.Computed))
	}
	return line
}

// plus is the effort of two tasks.
func (e Effort) plus(o Effort) Effort {
	return Effort{
		Requests: e.Requests + o.Requests, Cached: e.Cached + o.Cached,
		Tokens: e.Tokens + o.Tokens, Computed: e.Computed + o.Computed, Seconds: e.Seconds + o.Seconds,
	}
}

// requestKind is how requests Q of one kind are answered by results R.
type requestKind[Q, R any] struct {
	batch     batchLimit
	input     func(Q) []int32
	size      func(Q) int64  // most tokens of input and answer, to estimate the time left
	generated func(R) int64  // number of generated tokens
	key       func(Q) string // in the cache
	run       func(context.Context, []Q) ([]R, error)
	check     func(R) error // returns an error for a result that cannot be right
}

func (r *runner) score(
	ctx context.Context, task string, requests []lm.ScoreRequest,
) ([]lm.ScoreResult, Effort, error) {
	return askAll(ctx, r, task, requests, requestKind[lm.ScoreRequest, lm.ScoreResult]{
		batch:     scoreBatch,
		input:     func(q lm.ScoreRequest) []int32 { return q.Input },
		size:      func(q lm.ScoreRequest) int64 { return int64(len(q.Input)) },
		generated: func(lm.ScoreResult) int64 { return 0 },
		key: func(q lm.ScoreRequest) string {
			return requestKey(r.o.Fingerprint, "score", 0, nil, q.Input, q.Targets)
		},
		run: r.model.Score,
		check: func(s lm.ScoreResult) error {
			if math.IsNaN(s.LogProb) || math.IsInf(s.LogProb, 0) {
				return fmt.Errorf("the model gives a log-likelihood of %g: its weights or its logits are no numbers", s.LogProb)
			}
			return nil
		},
	})
}

func (r *runner) generate(
	ctx context.Context, task string, requests []lm.ContinueRequest,
) ([][]int32, Effort, error) {
	return askAll(ctx, r, task, requests, requestKind[lm.ContinueRequest, []int32]{
		batch:     generateBatch,
		input:     func(q lm.ContinueRequest) []int32 { return q.Prompt },
		size:      func(q lm.ContinueRequest) int64 { return int64(len(q.Prompt) + q.MaxTokens) },
		generated: func(ids []int32) int64 { return int64(len(ids)) },
		key: func(q lm.ContinueRequest) string {
			return requestKey(r.o.Fingerprint, "generate", q.MaxTokens, q.Until, q.Prompt)
		},
		run:   r.model.Continue,
		check: func([]int32) error { return nil },
	})
}

// requestKey is a hash of everything that the result of a request depends on.
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

// askAll answers requests from the cache or by the model, and returns the results in the order
// of the requests.
func askAll[Q, R any](
	ctx context.Context, r *runner, task string, requests []Q, k requestKind[Q, R],
) ([]R, Effort, error) {
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
	p := progress{
		Progress: Progress{Task: task, Total: len(todo)}, start: time.Now(), show: r.o.Progress, before: r.computed(),
	}
	for _, i := range todo {
		p.Whole += k.size(requests[i])
	}
	e := Effort{Requests: len(requests), Cached: len(requests) - len(todo)}
	for len(todo) > 0 {
		batch := todo[:r.batch(todo, inputs, k.batch)]
		todo = todo[len(batch):]
		if ctx.Err() != nil {
			return nil, e, r.stopped(ctx, e.Cached+p.Done, len(requests))
		}
		if err := askBatch(ctx, r, requests, results, keys, batch, k); err != nil {
			return nil, e, err
		}
		for _, i := range batch {
			e.Tokens += int64(len(inputs[i])) + k.generated(results[i])
			p.Tokens += k.size(requests[i])
		}
		p.step(len(batch), r.computed())
	}
	e.Computed = p.Computed
	e.Seconds = time.Since(p.start).Seconds()
	return results, e, nil
}

func (r *runner) stopped(ctx context.Context, done, all int) error {
	problem := fmt.Sprintf("stopped after %d of %d requests; ", done, all)
	if r.cache == nil {
		problem += "with {eval.Options.Out} or {eval.Options.Cache} "
	}
	problem += "the same evaluation goes on from there"
	return &setting.Error{Field: "eval.Options.Cache", Problem: problem, Err: ctx.Err()}
}

// askBatch sends the requests whose numbers are in batch to the model in one call, and keeps
// their results.
func askBatch[Q, R any](
	ctx context.Context, r *runner, requests []Q, results []R, keys []string, batch []int, k requestKind[Q, R],
) error {
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

// batchLimit is the most requests in one call of a model, and the most tokens of their inputs.
// The prefix that an input shares with the one before it does not count.
type batchLimit struct{ requests, tokens int }

// Between batches, progress is shown, the cache is written and the context is checked. Smaller
// batches would leave a model that computes many requests together with too little work at
// the end of each.
var (
	scoreBatch    = batchLimit{4096, 16384}
	generateBatch = batchLimit{64, math.MaxInt}
)

// batch is the number of requests in the next call of the model.
func (r *runner) batch(todo []int, inputs [][]int32, limit batchLimit) int {
	if r.o.Batch > 0 {
		return min(r.o.Batch, len(todo))
	}
	n, tokens := 1, len(inputs[todo[0]])
	for ; n < min(limit.requests, len(todo)); n++ {
		next := inputs[todo[n]]
		if tokens += len(next) - lm.CommonPrefix(inputs[todo[n-1]], next); tokens > limit.tokens {
			break
		}
	}
	return n
}

// computed is the number of tokens that the model has computed so far, 0 if it is no
// lm.Meter.
func (r *runner) computed() int64 {
	if m, ok := r.model.(lm.Meter); ok {
		return m.ComputedTokens()
	}
	return 0
}

// inOrder returns the numbers of inputs in an order in which inputs with a common prefix are
// neighbours. Clusters of related inputs with the longest input come first, so that the estimate
// of the time left is good early.
func inOrder(inputs [][]int32) []int {
	order := make([]int, len(inputs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := inputs[a], inputs[b]
		n := lm.CommonPrefix(x, y)
		if n == len(x) || n == len(y) {
			return cmp.Compare(len(y), len(x))
		}
		return cmp.Compare(x[n], y[n])
	})
	type cluster struct {
		members []int
		longest int
	}
	var clusters []cluster
	for n, i := range order {
		if n == 0 || !related(inputs[order[n-1]], inputs[i]) {
			clusters = append(clusters, cluster{})
		}
		c := &clusters[len(clusters)-1]
		c.members, c.longest = append(c.members, i), max(c.longest, len(inputs[i]))
	}
	slices.SortStableFunc(clusters, func(a, b cluster) int { return cmp.Compare(b.longest, a.longest) })
	order = order[:0:0]
	for _, c := range clusters {
		order = append(order, c.members...)
	}
	return order
}

// related reports whether two inputs share more than half of the shorter one.
func related(a, b []int32) bool { return 2*lm.CommonPrefix(a, b) > min(len(a), len(b)) }

// progress keeps account of how far a task is, and shows it.
type progress struct {
	Progress
	start  time.Time
	show   func(Progress)
	before int64 // tokens that the model had computed before the task
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
