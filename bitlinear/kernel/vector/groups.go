package vector

import (
	"math"

	"trit/bitlinear/quant"
)

// GroupValues writes what a row of weights is rounded to with a scale a group, codes times scales, with
// the codes and scales of quant.Groups. dst may be w.
func GroupValues(dst, w []float32, group int, sign bool) {
	size := quant.GroupSize(group, len(w))
	for at := 0; at < len(w); at += size {
		part := w[at:][:size]
		ScaledCodes(dst[at:][:size], part, GroupScale(part), sign)
	}
}

// GroupScale is the scale of a group of weights, as quant.Groups has it.
func GroupScale(w []float32) float32 {
	return quant.Half(float32(max(absSum(w)/float64(len(w)), quant.MinScale)))
}

// ScaledCodes is GroupValues of one group, of a given scale.
func ScaledCodes(dst, w []float32, scale float32, sign bool) {
	if sign {
		for i, x := range w {
			dst[i] = scale
			if x < 0 {
				dst[i] = -scale
			}
		}
		return
	}
	inverse, size := 1/scale, math.Float32bits(scale)
	for i, x := range w { // without a branch: a weight beyond half a scale has a code of its sign
		bits := math.Float32bits(x * inverse)
		beyond := uint32(int32(halfBits-bits&^signBit) >> 31)
		dst[i] = math.Float32frombits((size | bits&signBit) & beyond)
	}
}

const (
	signBit  uint32 = 1 << 31
	halfBits uint32 = 0x3f000000 // 0.5
)
