package convert

import (
	"fmt"
	"math"
	"sync"
)

// ternaries makes ternary weights of floating-point ones. What the first reading of a weight
// finds is kept, since a weight is opened several times: to be written, and to be compared.
type ternaries struct {
	weights string // what they are said to be: a value of Reading.Weights
	sign    bool   // of b1
	mu      sync.Mutex
	known   map[string]sums
}

func (n *ternaries) sums(name string, t *tensor) (sums, error) {
	n.mu.Lock()
	s, ok := n.known[name]
	n.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := sumsOf(t)
	if err != nil {
		return s, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[string]sums{}
	}
	n.known[name] = s
	return s, nil
}

// of makes a ternary weight, by what the weights are said to be.
func (n *ternaries) of(name string, t *tensor) (*tensor, error) {
	s, err := n.sums(name, t)
	if err != nil {
		return nil, err
	}
	weights, sign := n.weights, n.sign
	switch {
	case s.largest == 0: // nothing but zeros, which are the same either way
	case weights == WeightsTernary && s.oneMagnitude():
		return dequantised(t, float32(s.largest)), nil
	case weights == WeightsTernary:
		return nil, fmt.Errorf("it holds weights of different sizes, %g to %g: these are not quantised; --weights %s if they are latent weights", s.smallest, s.largest, WeightsMasters)
	case s.oneMagnitude() && weights == "" && !sign:
		return nil, fmt.Errorf("all its weights are 0 or of size %g: they seem to be quantised already, and their absmean is not their scale; --weights %s takes them as they are, --weights %s quantises them by their absmean", s.largest, WeightsTernary, WeightsMasters)
	}
	return quantised(t, s, sign), nil
}

// dequantised reads weights of one size as codes.
func dequantised(t *tensor, scale float32) *tensor {
	out := &tensor{dtype: t.dtype, rows: t.rows, k: t.k, release: t.release, scale: scale}
	out.codes = t.codesBy(func(w float32) byte {
		negative := math.Float32bits(w) >> 31
		nonzero := byte(0)
		if w != 0 {
			nonzero = 1
		}
		return 1 + nonzero - 2*(nonzero&byte(negative))
	})
	return out
}
