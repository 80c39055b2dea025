package infer

import (
	"math"
	"slices"

	"trit/bitlinear/kernel/vector"
)

// fullLogits are the logits of one row, all of them known.
type fullLogits struct {
	values []float32
	exact  []candidate // the logits that reach bound
	bound  float32
}

func (l *fullLogits) top() (candidate, bool) {
	id := max(0, slices.Index(l.values, vector.Max(l.values))) // -1 if a logit is not a number
	return candidate{int32(id), float64(l.values[id])}, true
}

func (l *fullLogits) atLeast(bound float32) ([]candidate, bool) {
	l.exact, l.bound = l.exact[:0], bound
	for lo := 0; lo < len(l.values); lo += searchStep {
		part := l.values[lo:min(lo+searchStep, len(l.values))]
		if vector.Max(part) < bound {
			continue
		}
		for i, v := range part {
			if v >= bound {
				l.exact = append(l.exact, candidate{int32(lo + i), float64(v)})
			}
		}
	}
	return l.exact, true
}

func (l *fullLogits) restBound(top, temperature float64) float64 {
	sum := 0.0
	for _, v := range l.values {
		if v < l.bound {
			sum += math.Exp((float64(v) - top) / temperature)
		}
	}
	return sum
}
