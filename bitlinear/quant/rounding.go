package quant

import "math"

// Rounding is a rule that turns a weight into -1, 0 or +1. The zero value is no rounding.
type Rounding struct {
	kind    roundingKind
	inverse float32 // of toNearest
}

type roundingKind int

const (
	none roundingKind = iota
	toNearest
	toSign
)

// ToNearest is the rounding of b1.58 under the inverse 1/AbsMean of a scale; see Ternary.
func ToNearest(inverse float32) Rounding { return Rounding{toNearest, inverse} }

// ToSign is the rounding of b1 for weights whose mean has been taken off; see Signs. Weights
// closer to 0 than 1.5e-39, which are not normal numbers, count as 0.
func ToSign() Rounding { return Rounding{kind: toSign} }

// IsNone reports whether weights are not rounded.
func (r Rounding) IsNone() bool { return r.kind == none }

// Factor is the number that a weight is multiplied by before it is rounded half to even and clamped
// to [-1,1]. For ToSign it is the largest float32: it takes every normal number beyond 1, so that
// the sign remains.
func (r Rounding) Factor() float32 {
	switch r.kind {
	case toNearest:
		return r.inverse
	case toSign:
		return math.MaxFloat32
	}
	panic("quant: there is no rounding")
}

// Ternary is the ternary value of weight w.
func (r Rounding) Ternary(w float32) int8 { return Ternary(w, r.Factor()) }
