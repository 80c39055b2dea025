package gguf

import (
	"fmt"
	"math"

	"trit/bitlinear/quant"
	"trit/internal/float16"
)

// Dequantize converts the bytes of a tensor, or of whole rows of one (save for I2_S,
// whose scale stands at the end), to float32.
func Dequantize(t Type, dst []float32, src []byte) error {
	size, err := t.Size([]uint64{uint64(len(dst))})
	if err != nil {
		return err
	}
	if uint64(len(src)) != size {
		return fmt.Errorf("%d bytes for %d values of %s: want %d", len(src), len(dst), t, size)
	}
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = float16.FromBits(le.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = float16.BFromBits(le.Uint16(src[2*i:]))
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
		}
	case I2_S:
		return dequantizeI2S(dst, src)
	default:
		block, ok := blockDecoders[t]
		if !ok {
			return fmt.Errorf("tensor type %s is not read as numbers: want F32, F16, BF16, F64, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K, "+
				"TQ1_0, TQ2_0, I2_S, Q1_0, Q2_0, PQ2_0 or PTQ1_0", t)
		}
		l := layouts[t]
		for i := uint64(0); i < uint64(len(dst))/l.values; i++ {
			block(dst[i*l.values:][:l.values], src[i*l.bytes:][:l.bytes])
		}
	}
	return nil
}

var blockDecoders = map[Type]func(dst []float32, src []byte){
	Q4_0: decodeQ40, Q8_0: decodeQ80, Q4_K: decodeQ4K, Q5_K: decodeQ5K, Q6_K: decodeQ6K,
	TQ1_0: decodeGroup(TQ1_0), TQ2_0: decodeGroup(TQ2_0),
	Q1_0: decodeGroup(Q1_0), Q2_0: decodeGroup(Q2_0), PQ2_0: decodeGroup(PQ2_0), PTQ1_0: decodeGroup(PTQ1_0),
}

// I2SScale is the scale of an I2_S tensor, behind its codes.
func I2SScale(data []byte) float32 { return math.Float32frombits(le.Uint32(data[len(data)-i2sTail:])) }

func dequantizeI2S(dst []float32, src []byte) error {
	q := make([]int8, len(dst))
	if err := quant.UnpackI2S(q, src[:len(dst)/4]); err != nil {
		return err
	}
	scale := I2SScale(src)
	for i, v := range q {
		dst[i] = float32(v) * scale
	}
	return nil
}

func half(b []byte) float32 { return float16.FromBits(le.Uint16(b)) }

// decodeQ80: a half-precision scale, then 32 signed bytes.
func decodeQ80(dst []float32, src []byte) {
	d := half(src)
	for i := range dst {
		dst[i] = d * float32(int8(src[2+i]))
	}
}

// decodeQ40: a half-precision scale, then 32 nibbles less 8, the low ones first.
func decodeQ40(dst []float32, src []byte) {
	d := half(src)
	for i, b := range src[2:18] {
		dst[i], dst[16+i] = d*float32(int(b&15)-8), d*float32(int(b>>4)-8)
	}
}

// decodeQ6K: 128 bytes of low nibbles, 64 of high pairs, 16 signed scales, and a
// half-precision scale of those.
func decodeQ6K(dst []float32, src []byte) {
	low, high, scales, d := src[:128], src[128:192], src[192:208], half(src[208:])
	for n := range 2 {
		for i := range 32 {
			h := high[32*n+i]
			for part, nibble := range [4]byte{low[64*n+i] & 15, low[64*n+32+i] & 15, low[64*n+i] >> 4, low[64*n+32+i] >> 4} {
				q := int(nibble|(h>>(2*part)&3)<<4) - 32
				dst[128*n+32*part+i] = d * float32(int8(scales[8*n+2*part+i/16])) * float32(q)
			}
		}
	}
}

// decodeQ4K: half-precision units of 8 scales and of 8 minima, 12 bytes with these, of 6 bits each,
// and 128 bytes of nibbles: of 64 values, the low nibbles of 32 bytes, then the high ones.
func decodeQ4K(dst []float32, src []byte) { decodeMinima(dst, src, nil, src[16:144]) }

// decodeQ5K is decodeQ4K with a fifth bit of each value: bit i of byte j belongs to value 32i+j.
func decodeQ5K(dst []float32, src []byte) { decodeMinima(dst, src, src[16:48], src[48:176]) }

func decodeMinima(dst []float32, src, fifth, nibbles []byte) {
	d, dmin := half(src), half(src[2:])
	for part := range 8 {
		scale, minimum := scaleOfK(src[4:16], part)
		step, low := d*float32(scale), dmin*float32(minimum)
		for j := range 32 {
			q := nibbles[part/2*32+j] >> (part % 2 * 4) & 15
			if fifth != nil {
				q |= fifth[j] >> part & 1 << 4
			}
			dst[32*part+j] = step*float32(q) - low
		}
	}
}

// scaleOfK takes the 6-bit scale and minimum of a part out of 12 bytes: the first four parts have
// them in the low bits of bytes of their own, the others in nibbles and in the two bits above.
func scaleOfK(b []byte, part int) (scale, minimum byte) {
	if part < 4 {
		return b[part] & 63, b[4+part] & 63
	}
	return b[4+part]&15 | b[part-4]>>6<<4, b[4+part]>>4 | b[part]>>6<<4
}
