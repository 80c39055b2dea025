package sampling

import (
	"math"
	"math/bits"
	"slices"

	"trit/bitlinear/kernel/vector"
)

var minusInf = float32(math.Inf(-1))

// searchStep is the number of logits that a search compares with a bound at once, by their
// largest one: hardly any reach it.
const searchStep = 256

// fullLogits are the logits of one row, all of them known. A forbidden token's is -Inf.
type fullLogits struct {
	values []float32
	own    []float32   // memory for values that differ from the caller's
	exact  []Candidate // the logits that reach bound
	bound  float32
}

func (l *fullLogits) set(logits []float32) { l.values = logits }

// change makes the values the memory of l.
func (l *fullLogits) change() {
	if len(l.own) != len(l.values) || &l.own[0] != &l.values[0] {
		l.own = append(l.own[:0], l.values...)
		l.values = l.own
	}
}

func (l *fullLogits) Keep(mask []uint64) {
	l.change()
	Forbid(l.values, mask)
}

// Forbid sets the values of all tokens to -Inf that are not in a mask.
func Forbid(values []float32, mask []uint64) {
	for lo := 0; lo < len(values); lo += 64 {
		word, part := uint64(0), values[lo:min(lo+64, len(values))]
		if lo/64 < len(mask) {
			word = mask[lo/64]
		}
		if word == 0 {
			for i := range part {
				part[i] = minusInf
			}
			continue
		}
		if len(part) < 64 {
			word |= ^uint64(0) << len(part)
		}
		for rest := ^word; rest != 0; rest &= rest - 1 {
			part[bits.TrailingZeros64(rest)] = minusInf
		}
	}
}

func (l *fullLogits) Adjust(ids []int32, f func(id int32, logit float64) float64) {
	l.change()
	for _, id := range ids {
		l.values[id] = float32(f(id, float64(l.values[id])))
	}
}

func (l *fullLogits) Top() (Candidate, bool) {
	id := max(0, slices.Index(l.values, vector.Max(l.values))) // -1 if a logit is not a number
	return Candidate{int32(id), float64(l.values[id])}, true
}

func (l *fullLogits) AtLeast(bound float32) ([]Candidate, bool) {
	l.exact, l.bound = l.exact[:0], bound
	for lo := 0; lo < len(l.values); lo += searchStep {
		part := l.values[lo:min(lo+searchStep, len(l.values))]
		if vector.Max(part) < bound {
			continue
		}
		for i, v := range part {
			if v >= bound && v != minusInf {
				l.exact = append(l.exact, Candidate{int32(lo + i), float64(v)})
			}
		}
	}
	return l.exact, true
}

func (l *fullLogits) RestBound(top, temperature float64) float64 {
	sum := 0.0
	for _, v := range l.values {
		if v < l.bound {
			sum += math.Exp((float64(v) - top) / temperature)
		}
	}
	return sum
}

// Likeliest returns the n largest of the logits, the largest first and the lower id first among
// equals; fewer if there are fewer.
func Likeliest(logits []float32, n int) []Candidate {
	var list []Candidate
	for id, v := range logits {
		if len(list) == n && float64(v) <= list[n-1].P {
			continue
		}
		c := Candidate{int32(id), float64(v)}
		at, _ := slices.BinarySearchFunc(list, c, likelier)
		list = slices.Insert(list[:min(len(list), n-1)], at, c)
	}
	return list
}
