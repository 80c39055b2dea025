package gguf

import "math"

// scaleAt is where the half-precision scale of a block stands.
var scaleAt = map[Type]int{
	Q4_0: 0, Q8_0: 0, Q4_K: 0, Q5_K: 0, Q6_K: 208, TQ1_0: 52, TQ2_0: 64, Q1_0: 0, Q2_0: 0, PQ2_0: 0, PTQ1_0: 26,
}

// minimumAt is where the half-precision unit of a block's minima stands.
var minimumAt = map[Type]int{Q4_K: 2, Q5_K: 2}

// Finite reports whether all numbers in whole rows of a tensor are finite: all values of a
// floating-point type, all scales of the types of blocks that Dequantize reads, the one of a
// whole I2_S tensor. Other types have no values that are not.
func Finite(t Type, data []byte) bool {
	switch t {
	case F16:
		return finiteWords(data, 0x7c007c007c007c00, 0x0400040004000400, 0x8000800080008000)
	case BF16:
		return finiteWords(data, 0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000)
	case F32:
		return finiteWords(data, 0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000)
	case F64:
		return finiteWords(data, 0x7ff0000000000000, 0x0010000000000000, 0x8000000000000000)
	case I2_S:
		scale := float64(I2SScale(data))
		return !math.IsNaN(scale) && !math.IsInf(scale, 0)
	}
	at, ok := scaleAt[t]
	if !ok {
		return true
	}
	low, ok := minimumAt[t]
	if !ok {
		low = at
	}
	for size := int(layouts[t].bytes); len(data) > 0; data = data[size:] {
		if le.Uint16(data[at:])&infiniteHalf == infiniteHalf || le.Uint16(data[low:])&infiniteHalf == infiniteHalf {
			return false
		}
	}
	return true
}

// finiteWords looks at several values in each step: one with an exponent of ones carries into
// its sign when the lowest bit of an exponent is added. exponents, lowest and signs have these
// bits of all values in 8 bytes.
func finiteWords(data []byte, exponents, lowest, signs uint64) bool {
	carried := uint64(0)
	for ; len(data) >= 8; data = data[8:] {
		carried |= le.Uint64(data)&exponents + lowest
	}
	var rest [8]byte
	copy(rest[:], data)
	return (carried|(le.Uint64(rest[:])&exponents+lowest))&signs == 0
}
