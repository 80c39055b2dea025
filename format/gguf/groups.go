package gguf

import (
	"fmt"
	"math"

	"trit/internal/float16"
)

// Types with a scale, in half precision, for each group of 64, 128 or 256 weights of a row. As in
// ternary.go a weight is a code, a byte that is one more than the weight in units of its scale; a
// group of Q1_0 has codes 0 and 2 alone, and the 2-bit types can hold a code 3, a weight of 2.
//
// Sources: ggml's ggml-common.h and ggml-quants.c for Q1_0 and Q2_0, PrismML's fork of it for
// PQ2_0 and PTQ1_0.

// IsGrouped reports whether the type holds weights of one or two bits under a scale for each group.
// TQ1_0 and TQ2_0 do too, and are ternary types (IsTernary) besides: those of a BitNet model repeat
// one scale.
func (t Type) IsGrouped() bool { return groupCodecs[t] != nil && !t.IsTernary() }

// groupCodec turns codes into a block and back. The scale is not its concern.
type groupCodec struct {
	decode, encode func(codes, block []byte)
}

var groupCodecs = map[Type]*groupCodec{
	Q1_0:   {decodeSigns, encodeSigns},
	Q2_0:   {decodeQuads, encodeQuads},
	PQ2_0:  {decodeQuads, encodeQuads},
	PTQ1_0: {decodePTQ1, encodePTQ1},
	TQ1_0:  ternaryCodec(TQ1_0),
	TQ2_0:  ternaryCodec(TQ2_0),
}

// ternaryCodec lets a code 3 of TQ2_0 pass, as ggml's own reader does.
func ternaryCodec(t Type) *groupCodec {
	return &groupCodec{
		decode: func(codes, block []byte) { DecodeTernary(t, codes, block) },
		encode: func(codes, block []byte) { EncodeTernary(t, block, codes, 0) },
	}
}

// DecodeGroups takes a row of codes and the scale of each group, in half precision, out of blocks
// of Q1_0, Q2_0, PQ2_0, PTQ1_0, TQ1_0 or TQ2_0.
func DecodeGroups(t Type, codes []byte, scales []uint16, src []byte) error {
	codec := groupCodecs[t]
	if codec == nil {
		return fmt.Errorf("tensor type %s does not hold groups of weights", t)
	}
	values, size := t.Block(), int(layouts[t].bytes)
	if len(codes) != len(scales)*values || len(src) != len(scales)*size {
		return fmt.Errorf("%d bytes of %s for %d weights in %d groups: want %d weights and %d bytes a group",
			len(src), t, len(codes), len(scales), values, size)
	}
	for g := range scales {
		block := src[g*size:][:size]
		codec.decode(codes[g*values:][:values], block)
		scales[g] = le.Uint16(block[scaleAt[t]:])
	}
	return nil
}

// decodeGroup is the block decoder of the types of groups.
func decodeGroup(t Type) func(dst []float32, src []byte) {
	return func(dst []float32, src []byte) {
		var buffer [256]byte
		codes := buffer[:len(dst)]
		groupCodecs[t].decode(codes, src)
		d := half(src[scaleAt[t]:])
		for i, c := range codes {
			dst[i] = d * (float32(c) - 1)
		}
	}
}

// encodeGroup is the block encoder of the types of groups, ggml's own: the scale is the largest
// size of a value, or in Q1_0 their mean. A group that is codes times a scale of half precision
// comes back as it was.
func encodeGroup(t Type) func(dst []byte, src []float32) {
	scale, code := largest, ternaryCode
	if t == Q1_0 {
		scale, code = meanSize, signCode
	}
	return func(dst []byte, src []float32) {
		var buffer [256]byte
		codes, d := buffer[:len(src)], scale(src)
		toUnit := inverse(d)
		for i, v := range src {
			codes[i] = code(v * toUnit)
		}
		groupCodecs[t].encode(codes, dst)
		le.PutUint16(dst[scaleAt[t]:], float16.Bits(d))
	}
}

func largest(src []float32) float32 { return abs(farthest(src)) }

func meanSize(src []float32) (mean float32) {
	for _, v := range src {
		mean += abs(v)
	}
	return mean / float32(len(src))
}

// ternaryCode rounds a value from -1 to 1, halves away from 0.
func ternaryCode(v float32) byte { return byte(math.Round(float64(v)) + 1) }

func signCode(v float32) byte {
	if v < 0 {
		return 0
	}
	return 2
}

// Blocks of Q1_0: the scale, then a bit a weight, the first the lowest.

func decodeSigns(codes, block []byte) {
	for i := range codes {
		codes[i] = block[2+i/8] >> (i % 8) & 1 * 2
	}
}

func encodeSigns(codes, block []byte) {
	clear(block)
	for i, c := range codes {
		block[2+i/8] |= c / 2 << (i % 8)
	}
}

// Blocks of Q2_0 and PQ2_0: the scale, then two bits a weight, the first the lowest.

func decodeQuads(codes, block []byte) {
	for i, b := range block[2:] {
		le.PutUint32(codes[4*i:], pairsOf[b])
	}
}

func encodeQuads(codes, block []byte) {
	for i := range block[2:] {
		c := codes[4*i:][:4]
		block[2+i] = c[0] | c[1]<<2 | c[2]<<4 | c[3]<<6
	}
}

// pairsOf has the four pairs of bits of a byte, a byte each.
var pairsOf = func() (table [256]uint32) {
	for b := range uint32(256) {
		table[b] = b&3 | b>>2&3<<8 | b>>4&3<<16 | b>>6<<24
	}
	return table
}()

// Blocks of PTQ1_0: trits as in TQ1_0, of 80 weights in 16 bytes, 40 in 8, 8 in 2; then the scale.

func decodePTQ1(codes, block []byte) {
	unpackTrits(codes[:80], block[:16], 5)
	unpackTrits(codes[80:120], block[16:24], 5)
	unpackTrits(codes[120:], block[24:26], 4)
}

func encodePTQ1(codes, block []byte) {
	packTrits(block[:16], codes[:80], 5)
	packTrits(block[16:24], codes[80:120], 5)
	packTrits(block[24:26], codes[120:], 4)
}
