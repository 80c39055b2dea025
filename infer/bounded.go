package infer

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/vector"
	"trit/infer/sampling"
	"trit/internal/parallel"
)

// boundedHead is a head with a 4-bit copy of its weights. It computes all logits from the
// copy, bounds the error of each, and computes exactly only those that a choice depends on.
//
// With a row's weights w = step*(code - 7.5 - dither) + e and activations x = y + f,
// where y has 16 bits (two int8 products), a logit is
//
//	w.x = step*(code.y - (7.5+dither).x) + e.x + step*(code).f
//
// The e are independent of each other and of x (the dither is drawn once, and x depends
// on the tokens chosen, which are those of the exact head), each even over
// [-step/2, step/2), so e.x is sub-Gaussian with variance step^2|x|^2/12 (Hoeffding's
// lemma, exact for the even distribution):
//
//	P(|e.x| > t*step*|x|) <= 2*exp(-6t^2), 1.1e-16 at t = 2.5.
//
// The last term is bounded by the largest code times the sum of |f|, and roundings of
// float32, in the copy, in this sum and in the exact product, by the slack below. So a
// choice differs from that of the full head with a probability under 2e-11 for a token of
// a vocabulary of 128256, over the draw of the dither.
type boundedHead struct {
	*denseMatrix
	coarse  *intmul.Int4
	offsets []float32 // 7.5 + dither
}

// ditherBound is t in the bound above.
const ditherBound = 2.5

func newBounded(pool *parallel.Pool, d *denseMatrix) (*boundedHead, error) {
	r := rand.New(rand.NewPCG(0x7472_6974, 1))
	dither, offsets := make([]float32, d.k), make([]float32, d.k)
	for i := range dither {
		dither[i] = float32(r.IntN(1<<16))/(1<<16) - 0.5 + 0.5/(1<<16)
		offsets[i] = dither[i] + 7.5
	}
	w, err := intmul.NewInt4(pool, d.n, d.k, dither, d.row)
	return &boundedHead{d, w, offsets}, err
}

// logits returns bounds of the logits of m rows of activations x [m,K]. It reuses the memory
// of list, an earlier result or nil.
func (h *boundedHead) logits(pool *parallel.Pool, list []boundedLogits, x []float32, m int) []boundedLogits {
	k := h.k
	list = slices.Grow(list[:0], m)[:m]
	q, scale, shift := make([]int8, 2*m*k), make([]float32, m), make([]float32, m)
	for t := range list {
		row := x[t*k:][:k]
		list[t] = boundedLogits{head: h, pool: pool, x: row, upper: grow(list[t].upper, h.n), exact: list[t].exact[:0]}
		scale[t] = split16(q[2*t*k:][:k], q[(2*t+1)*k:][:k], row)
		shift[t] = h.radius(row, scale[t]) - vector.Dot(h.offsets, row)
	}
	h.coarse.MulInt8(pool, q, 2*m, func(row, part int, sums []int32) {
		t := part / 2
		out, steps := list[t].upper[row:][:len(sums)], h.coarse.Steps[row:][:len(sums)]
		if part%2 == 0 { // comes first, on the same thread
			vector.Rescale(out, sums, scale[t])
			return
		}
		for i, s := range sums {
			out[i] = steps[i] * (out[i] + float32(s)*(scale[t]/254) + shift[t])
		}
	})
	return list
}

// exactLogits returns all logits of one row of activations, exactly.
func (h *boundedHead) exactLogits(pool *parallel.Pool, x []float32) []float32 {
	logits := make([]float32, h.n)
	h.mul(pool, logits, fromRows(x, h.k), 1)
	return logits
}

// radius is the largest error of a logit, in steps.
func (h *boundedHead) radius(x []float32, scale float32) float32 {
	k := float64(h.k)
	norm := math.Sqrt(float64(vector.Dot(x, x)))
	remainder := 15 * k * float64(scale) / 508
	// The error of a sum of k float32 products in 16 lanes is below k/16+16 roundings of the
	// sum of their absolute values, which is at most 15 steps times sqrt(k)|x|. Five such
	// sums add up here.
	slack := 5 * (k/16 + 16) * 0x1p-24 * 15 * math.Sqrt(k) * norm
	return float32(ditherBound*norm + remainder + slack)
}

// split16 writes x as scale*(high + low/254) to within scale/508 and returns the scale.
func split16(high, low []int8, x []float32) (scale float32) {
	top := float32(0)
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	if top == 0 {
		return 0
	}
	scale = top / 127
	for i, v := range x {
		units := float64(v) / float64(scale)
		h := math.RoundToEven(units)
		high[i], low[i] = int8(h), int8(math.RoundToEven((units-h)*254))
	}
	return scale
}

// boundedLogits are the logits of one row. Each is either exact or has an upper bound.
type boundedLogits struct {
	head  *boundedHead
	pool  *parallel.Pool
	x     []float32
	upper []float32            // upper bound by token; minusInf marks one whose logit is in exact
	exact []sampling.Candidate // P is the logit
}

var minusInf = float32(math.Inf(-1))

// searchStep is the number of logits that a search compares with a bound at once, by their
// largest one: hardly any reach it.
const searchStep = 256

// Keep forbids all tokens but those of a mask.
func (l *boundedLogits) Keep(mask []uint64) { sampling.Forbid(l.upper, mask) }

// Adjust makes the logits of ids exact and replaces them by f of them.
func (l *boundedLogits) Adjust(ids []int32, f func(id int32, logit float64) float64) {
	l.compute(ids)
	for i, c := range l.exact {
		l.exact[i].P = f(c.ID, c.P)
	}
}

// AtLeast makes all logits exact that may reach a bound, and returns all exact ones. It returns
// false if these are more than a quarter of all: then computing all logits is faster.
func (l *boundedLogits) AtLeast(bound float32) ([]sampling.Candidate, bool) {
	var mu sync.Mutex
	var ids []int32
	l.pool.For(len(l.upper), 1<<13, func(lo, hi int) {
		var mine []int32
		for ; lo < hi; lo += searchStep {
			part := l.upper[lo:min(lo+searchStep, hi)]
			if vector.Max(part) < bound {
				continue
			}
			for i, v := range part {
				if v >= bound && v != minusInf {
					mine = append(mine, int32(lo+i))
				}
			}
		}
		mu.Lock()
		ids = append(ids, mine...)
		mu.Unlock()
	})
	if 4*(len(l.exact)+len(ids)) > len(l.upper) {
		return nil, false
	}
	l.compute(ids)
	return l.exact, true
}

// compute makes the logits of ids exact.
func (l *boundedLogits) compute(ids []int32) {
	first := len(l.exact)
	l.exact = append(l.exact, make([]sampling.Candidate, len(ids))...)
	l.pool.Chunks(len(ids), max(1, 1<<15/l.head.k), func(lo, hi int) {
		buffer := make([]float32, l.head.k)
		for i := lo; i < hi; i++ {
			l.exact[first+i] = sampling.Candidate{ID: ids[i], P: float64(l.head.dot(buffer, int(ids[i]), l.x))}
			l.upper[ids[i]] = minusInf
		}
	})
}

// Top returns the largest logit and makes all logits exact that may be as large. It returns
// false if these are too many.
func (l *boundedLogits) Top() (sampling.Candidate, bool) {
	if len(l.exact) == 0 {
		l.compute([]int32{int32(max(0, slices.Index(l.upper, vector.Max(l.upper))))})
	}
	known, ok := l.AtLeast(float32(sampling.Best(l.exact).P))
	if !ok {
		return sampling.Candidate{}, false
	}
	return sampling.Best(known), true
}

// RestBound is an upper bound of the sum of exp((logit-top)/temperature) over the logits that
// are not exact.
func (l *boundedLogits) RestBound(top, temperature float64) float64 {
	sum := 0.0
	var mu sync.Mutex
	l.pool.For(len(l.upper), 1<<13, func(lo, hi int) {
		e := make([]float32, 0, hi-lo)
		for _, v := range l.upper[lo:hi] {
			if v != minusInf {
				e = append(e, v)
			}
		}
		part := vector.ExpScaled(e, float32(1/temperature), float32(top))
		mu.Lock()
		sum += float64(part)
		mu.Unlock()
	})
	return sum * 1.001 // more than the error of float32 sums and of the vector exponential
}
