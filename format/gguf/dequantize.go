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
			return fmt.Errorf("tensor type %s is not read as numbers: want F32, F16, BF16, F64, Q4_0, Q8_0, Q6_K, TQ1_0, "+
				"TQ2_0 or I2_S", t)
		}
		l := layouts[t]
		for i := uint64(0); i < uint64(len(dst))/l.values; i++ {
			block(dst[i*l.values:][:l.values], src[i*l.bytes:][:l.bytes])
		}
	}
	return nil
}

var blockDecoders = map[Type]func(dst []float32, src []byte){
	Q4_0: decodeQ40, Q8_0: decodeQ80, Q6_K: decodeQ6K, TQ1_0: decodeTQ10, TQ2_0: decodeTQ20,
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

// decodeTernary: codes of 256 values, and a half-precision scale.
func decodeTernary(t Type, dst []float32, src []byte) {
	var codes [256]byte
	DecodeTernary(t, codes[:], src) // sizes fit; a code 3, which ggml's own reader takes too, is 2 scales
	d := half(src[len(src)-2:])
	for i, c := range codes {
		dst[i] = d * (float32(c) - 1)
	}
}

func decodeTQ10(dst []float32, src []byte) { decodeTernary(TQ1_0, dst, src) }
func decodeTQ20(dst []float32, src []byte) { decodeTernary(TQ2_0, dst, src) }
