package gguf

import (
	"fmt"
	"math"

	"trit/internal/float16"
)

// Quantize converts float32 to a floating-point type or to a type of blocks. Types with scales want
// finite values. What a type of groups holds depends on its rule alone (see encodeGroup): whoever
// may lose nothing compares it with Dequantize.
func Quantize(t Type, dst []byte, src []float32) error {
	size, err := t.Size([]uint64{uint64(len(src))})
	if err != nil {
		return err
	}
	if uint64(len(dst)) != size {
		return fmt.Errorf("%d bytes for %d values of %s: want %d", len(dst), len(src), t, size)
	}
	switch t {
	case F32:
		for i, v := range src {
			le.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case F16:
		return quantizeF16(dst, src)
	case BF16:
		return quantizeBF16(dst, src)
	default:
		return quantizeBlocks(t, dst, src)
	}
	return nil
}

// quantizeF16 refuses finite values that half precision makes infinite.
func quantizeF16(dst []byte, src []float32) error {
	for i, v := range src {
		h := float16.Bits(v)
		if h&0x7fff == infiniteHalf && abs(v) <= math.MaxFloat32 {
			return fmt.Errorf("value %d is %g: F16 holds values up to %d", i, v, largestHalf)
		}
		le.PutUint16(dst[2*i:], h)
	}
	return nil
}

// quantizeBF16 refuses finite values that bfloat16 makes infinite.
func quantizeBF16(dst []byte, src []float32) error {
	for i, v := range src {
		h := float16.BBits(v)
		if h&0x7fff == infiniteBrain && abs(v) <= math.MaxFloat32 {
			return fmt.Errorf("value %d is %g: BF16 holds values up to %g", i, v, float16.BFromBits(infiniteBrain-1))
		}
		le.PutUint16(dst[2*i:], h)
	}
	return nil
}

// blockEncoder writes a block of finite values.
type blockEncoder struct {
	encode  func(dst []byte, src []float32)
	largest float32 // size of a value whose scale fits half precision
}

var blockEncoders = map[Type]blockEncoder{
	Q8_0: {encodeQ80, 127 * largestHalf}, Q4_0: {encodeQ40, 8 * largestHalf}, Q6_K: {encodeQ6K, 31 * 127 * largestHalf},
	TQ1_0: {encodeGroup(TQ1_0), largestHalf}, TQ2_0: {encodeGroup(TQ2_0), largestHalf},
	Q1_0: {encodeGroup(Q1_0), largestHalf}, Q2_0: {encodeGroup(Q2_0), largestHalf},
	PQ2_0: {encodeGroup(PQ2_0), largestHalf}, PTQ1_0: {encodeGroup(PTQ1_0), largestHalf},
}

const (
	largestHalf  = 65504
	infiniteHalf = 0x7c00 // its bits

	infiniteBrain = 0x7f80 // the bits in bfloat16
)

func quantizeBlocks(t Type, dst []byte, src []float32) error {
	e, ok := blockEncoders[t]
	if !ok {
		return fmt.Errorf("tensor type %s is not written: want F32, F16, BF16, Q8_0, Q6_K, Q4_0, TQ1_0, TQ2_0, Q1_0, Q2_0, "+
			"PQ2_0 or PTQ1_0", t)
	}
	for i, v := range src {
		if !(v >= -e.largest && v <= e.largest) {
			return fmt.Errorf("value %d is %g: %s holds finite values up to %g", i, v, t, e.largest)
		}
	}
	l := layouts[t]
	values, bytes := int(l.values), int(l.bytes)
	for i := range len(src) / values {
		e.encode(dst[i*bytes:][:bytes], src[i*values:][:values])
	}
	return nil
}

// farthest is the value of the largest size, with its sign.
func farthest(src []float32) (v float32) {
	for _, w := range src {
		if abs(w) > abs(v) {
			v = w
		}
	}
	return v
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// inverse is 1/v, or 0 if that is out of range.
func inverse(v float32) float32 {
	if abs(v) < 0x1p-126 {
		return 0
	}
	return 1 / v
}

// roundClamp rounds v, |v| < 2^22, half to even and clamps it: adding 1.5*2^23 leaves no bits for
// a fraction.
func roundClamp(v, low, high float32) float32 {
	return max(low, min(high, v+toEven-toEven))
}

const toEven = 3 << 22

func encodeQ80(dst []byte, src []float32) {
	d := abs(farthest(src)) / 127
	inverse := inverse(d)
	le.PutUint16(dst, float16.Bits(d))
	for i, v := range src {
		dst[2+i] = byte(int8(math.Round(float64(v * inverse))))
	}
}

// encodeQ40 gives the farthest value the code 0, which is -8 scales: the range is not
// even, and its longer side belongs to the value that needs it.
func encodeQ40(dst []byte, src []float32) {
	bits := float16.Bits(farthest(src) / -8)
	le.PutUint16(dst, bits)
	inverse := inverse(float16.FromBits(bits))
	for i := range 16 {
		low, high := roundClamp(src[i]*inverse, -8, 7)+8, roundClamp(src[16+i]*inverse, -8, 7)+8
		dst[2+i] = byte(low) | byte(high)<<4
	}
}

// encodeQ6K finds a scale for each 16 values, one in half precision for those, and then
// the 6-bit codes under what the scales became by rounding.
func encodeQ6K(dst []byte, src []float32) {
	var wanted [16]float32
	for g := range wanted {
		wanted[g] = scaleQ6K((*[16]float32)(src[16*g:]))
	}
	top := farthest(wanted[:])
	bits := float16.Bits(top / -128)
	d := float16.FromBits(bits)
	if abs(d)*128 < abs(top) { // the next one, or the largest scale would be cut off
		bits++
		d = float16.FromBits(bits)
	}
	toScale := inverse(d)
	var codes [256]byte
	for g, s := range wanted {
		scale := roundClamp(s*toScale, -128, 127)
		dst[192+g] = byte(int8(scale))
		toCode := inverse(d * scale)
		for i, v := range src[16*g:][:16] {
			codes[16*g+i] = byte(codeQ6K(v*toCode) + 32)
		}
	}
	le.PutUint16(dst[208:], bits)
	packQ6K(dst[:128], dst[128:192], &codes)
}

// packQ6K is the inverse of the unpacking in decodeQ6K.
func packQ6K(low, high []byte, codes *[256]byte) {
	for n := range 2 {
		c := codes[128*n:][:128]
		for i := range 32 {
			a, b, e, f := c[i], c[32+i], c[64+i], c[96+i]
			low[64*n+i], low[64*n+32+i] = a&15|e<<4, b&15|f<<4
			high[32*n+i] = a>>4 | b>>4<<2 | e>>4<<4 | f>>4<<6
		}
	}
}

// codeQ6K rounds a value in units of its scale. A value far out of range, which a tiny scale can
// produce, is clamped before it is rounded.
func codeQ6K(units float32) float32 { return roundClamp(max(-64, min(64, units)), -32, 31) }

// scaleQ6K is the scale, of either sign, under which 16 values have the least squared error,
// weighted by their squares, since large weights matter most. It tries scales that map the
// farthest value to about -32. Each gives codes; for these codes the best scale is a ratio of two
// sums, and it reduces the error by the square of one sum over the other.
func scaleQ6K(src *[16]float32) (scale float32) {
	top := farthest(src[:])
	toUnit := inverse(top)
	var unit, weight [16]float32
	for i, v := range src {
		unit[i] = v * toUnit
		weight[i] = unit[i] * unit[i]
	}
	best := float32(0)
	for try := range 3 {
		toCode := -32.5 + 0.5*float32(try)
		var cross, square float32
		for i, v := range unit {
			code := v*toCode + toEven - toEven
			if code > 31 {
				code = 31
			}
			weighted := weight[i] * code
			cross += weighted * v
			square += weighted * code
		}
		if gain := cross * cross; gain > best*square {
			best, scale = gain/square, top*(cross/square)
		}
	}
	return scale
}
