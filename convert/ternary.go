package convert

import (
	"fmt"
	"math"
)

// ternaryOf makes a ternary weight of floating-point ones, by what they are said to be.
func ternaryOf(t *tensor, weights string, sign bool) (*tensor, error) {
	s, err := sumsOf(t)
	if err != nil {
		return nil, err
	}
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
