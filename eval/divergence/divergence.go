// Package divergence compares the distributions of two models, token by token, on the same text: what
// packing, a format or a rounding really changes. The measures are those that llama-perplexity has for it.
package divergence

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"trit/eval"
	"trit/eval/statistics"
)

// Forward writes the logits after each token of ids[from:], [len(ids)-from, V], of a sequence that stands alone.
type Forward func(ids []int32, logits []float32, from int) error

// Options say what Measure compares.
type Options struct {
	Model, Base Forward
	Vocab       int // V, of both
	// Windows are the sequences, and how many of their last tokens count.
	Windows  []eval.TokenDocument
	Progress func(done, total int64) // in tokens; may be nil
}

// Value is a mean over tokens and its standard error, by which tokens of a window may depend on each other. A
// single window has no standard error: it is nil.
type Value struct {
	Value  float64  `json:"value"`
	Stderr *float64 `json:"stderr"`
}

// Times is the value and its error times a factor.
func (v Value) Times(factor float64) Value {
	out := Value{Value: factor * v.Value}
	if v.Stderr != nil {
		stderr := factor * *v.Stderr
		out.Stderr = &stderr
	}
	return out
}

// Result is how a model differs from a base.
type Result struct {
	Tokens  int `json:"tokens"`
	Windows int `json:"windows"`
	// KL is the mean of KL(base || model), in nats a token.
	KL Value `json:"kl_divergence"`
	// Quantiles of KL over tokens.
	Median  float64 `json:"kl_median"`
	P90     float64 `json:"kl_90"`
	P95     float64 `json:"kl_95"`
	P99     float64 `json:"kl_99"`
	P999    float64 `json:"kl_99.9"`
	Maximum float64 `json:"kl_maximum"`
	// SameTop is the share of tokens after which both hold the same token for the likeliest, and InTop5 of
	// those after which the base's likeliest is among the model's five.
	SameTop Value `json:"same_top"`
	InTop5  Value `json:"in_top_5"`
	// Change is the mean of the probability of the token that follows, of the model less that of the base, and
	// ChangeRMS the root of its mean square.
	Change    Value   `json:"probability_change"`
	ChangeRMS float64 `json:"probability_change_rms"`
	// The perplexities of both, and the logarithm of their ratio.
	Perplexity     Value `json:"perplexity"`
	BasePerplexity Value `json:"base_perplexity"`
	LogRatio       Value `json:"log_perplexity_ratio"`
	// PerWindow are the means over the tokens of each window, in their order.
	PerWindow []Window `json:"per_window"`
}

// Window is how a model differs from a base in one window: means over its tokens.
type Window struct {
	Tokens   int     `json:"tokens"`
	KL       float64 `json:"kl_divergence"`
	SameTop  float64 `json:"same_top"`
	InTop5   float64 `json:"in_top_5"`
	Change   float64 `json:"probability_change"`
	Loss     float64 `json:"loss"`      // nats a token
	BaseLoss float64 `json:"base_loss"` // nats a token
}

// token is what is measured of a token.
type token struct {
	kl, change, loss, baseLoss float64 // losses in nats
	same, inTop5               float64 // 0 or 1
}

// Measure runs both models over the windows.
func Measure(ctx context.Context, o Options) (*Result, error) {
	var windows [][]token
	total, done := int64(0), int64(0)
	for _, w := range o.Windows {
		total += int64(len(w.IDs))
	}
	var logits, base []float32
	for i, w := range o.Windows {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n := w.Targets * o.Vocab
		logits, base = slices.Grow(logits[:0], n)[:n], slices.Grow(base[:0], n)[:n]
		for _, m := range []struct {
			forward Forward
			out     []float32
		}{{o.Model, logits}, {o.Base, base}} {
			if err := m.forward(w.IDs[:len(w.IDs)-1], m.out, len(w.IDs)-1-w.Targets); err != nil {
				return nil, fmt.Errorf("window %d: %w", i, err)
			}
		}
		tokens := make([]token, w.Targets)
		for k, next := range w.IDs[len(w.IDs)-w.Targets:] {
			row := k * o.Vocab
			tokens[k] = compare(logits[row:][:o.Vocab], base[row:][:o.Vocab], next)
		}
		windows = append(windows, tokens)
		if done += int64(len(w.IDs)); o.Progress != nil {
			o.Progress(done, total)
		}
	}
	return summarize(windows)
}

// compare compares the logits after a token with those of the base, given the token that follows.
func compare(logits, base []float32, next int32) token {
	norm, baseNorm := logSum(logits), logSum(base)
	t := token{loss: norm - float64(logits[next]), baseLoss: baseNorm - float64(base[next])}
	t.change = math.Exp(-t.loss) - math.Exp(-t.baseLoss)
	top := 0
	for i, b := range base {
		p := float64(b) - baseNorm
		t.kl += math.Exp(p) * (p - (float64(logits[i]) - norm))
		if b > base[top] {
			top = i
		}
	}
	above := 0 // tokens that the model holds for likelier than the base's likeliest; of equal ones the first counts
	for i, l := range logits {
		if l > logits[top] || l == logits[top] && i < top {
			above++
		}
	}
	if above == 0 {
		t.same = 1
	}
	if above < 5 {
		t.inTop5 = 1
	}
	t.kl = max(0, t.kl) // rounding leaves less than nothing where both are the same
	return t
}

// logSum is ln sum exp of logits.
func logSum(logits []float32) float64 {
	top, sum := float64(slices.Max(logits)), 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - top)
	}
	return top + math.Log(sum)
}

func summarize(windows [][]token) (*Result, error) {
	tokens, names := slices.Concat(windows...), []string{}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("no token is compared: the %d windows predict none", len(windows))
	}
	for i, w := range windows {
		names = append(names, slices.Repeat([]string{strconv.Itoa(i)}, len(w))...)
	}
	mean := func(of func(*token) float64) Value {
		values := make([]float64, len(tokens))
		for i := range tokens {
			values[i] = of(&tokens[i])
		}
		c := statistics.ClusteredMean(values, names)
		if c.Clusters < 2 {
			return Value{Value: c.Value}
		}
		return Value{c.Value, &c.Stderr}
	}
	perplexity := func(of func(*token) float64) Value {
		loss := mean(of)
		p := loss.Times(math.Exp(loss.Value))
		p.Value = math.Exp(loss.Value)
		return p
	}
	r := &Result{
		Tokens: len(tokens), Windows: len(windows), KL: mean(func(t *token) float64 { return t.kl }),
		SameTop: mean(func(t *token) float64 { return t.same }), InTop5: mean(func(t *token) float64 { return t.inTop5 }),
		Change:         mean(func(t *token) float64 { return t.change }),
		ChangeRMS:      math.Sqrt(mean(func(t *token) float64 { return t.change * t.change }).Value),
		Perplexity:     perplexity(func(t *token) float64 { return t.loss }),
		BasePerplexity: perplexity(func(t *token) float64 { return t.baseLoss }),
		LogRatio:       mean(func(t *token) float64 { return t.loss - t.baseLoss }),
	}
	r.quantiles(tokens)
	for _, w := range windows {
		r.PerWindow = append(r.PerWindow, ofWindow(w))
	}
	return r, nil
}

func ofWindow(tokens []token) Window {
	w, n := Window{Tokens: len(tokens)}, float64(len(tokens))
	for i := range tokens {
		t := &tokens[i]
		w.KL, w.SameTop, w.InTop5 = w.KL+t.kl/n, w.SameTop+t.same/n, w.InTop5+t.inTop5/n
		w.Change, w.Loss, w.BaseLoss = w.Change+t.change/n, w.Loss+t.loss/n, w.BaseLoss+t.baseLoss/n
	}
	return w
}

// quantiles sets those of KL, each interpolated between the two values around it.
func (r *Result) quantiles(tokens []token) {
	kl := make([]float64, len(tokens))
	for i := range tokens {
		kl[i] = tokens[i].kl
	}
	slices.Sort(kl)
	at := func(p float64) float64 {
		x := p * float64(len(kl)-1)
		low := int(x)
		high := min(low+1, len(kl)-1)
		return kl[low] + (x-float64(low))*(kl[high]-kl[low])
	}
	r.Median, r.P90, r.P95, r.P99, r.P999, r.Maximum = at(0.5), at(0.9), at(0.95), at(0.99), at(0.999), kl[len(kl)-1]
}
