package gguf

import (
	"fmt"
	"math/bits"

	"trit/internal/float16"
)

// Ternary tensors are written and read here as code bytes, a byte a weight: 0 for -1, 1
// for 0 and 2 for +1, so that eight of them fit a machine word and nothing is ever signed.
// The types of ggml hold a scale in half precision in every block of 256 weights, I2_S one
// in float32 behind the whole tensor.

const (
	lowPair  = 0x0303030303030303 // the lowest two bits of eight bytes
	lowBit   = 0x0101010101010101
	tq10Base = 243 // 3^5: five trits in a byte
)

// IsTernary reports whether the type holds -1, 0 and +1 under a scale.
func (t Type) IsTernary() bool { return t == I2_S || t == TQ1_0 || t == TQ2_0 }

// Block is the number of values of a row that the type packs together.
func (t Type) Block() int { return int(layouts[t].values) }

// RowBytes is the size of a row of k values, without what follows a whole I2_S tensor. k
// must be a multiple of the type's block.
func (t Type) RowBytes(k int) int {
	l := layouts[t]
	return k / int(l.values) * int(l.bytes)
}

// EncodeTernary packs a row of code bytes. scale, in half precision, goes into the blocks
// of TQ1_0 and TQ2_0; I2_S keeps its own behind the tensor.
func EncodeTernary(t Type, dst, codes []byte, scale uint16) error {
	if err := checkTernary(t, dst, codes); err != nil {
		return err
	}
	switch t {
	case I2_S:
		for i := 0; i < len(dst); i += 32 {
			packPairs(dst[i:i+32], codes[4*i:4*i+128], 6, 4, 2, 0)
		}
	case TQ2_0:
		for b := range len(codes) / 256 {
			block, c := dst[66*b:][:66], codes[256*b:][:256]
			packPairs(block[:32], c[:128], 0, 2, 4, 6)
			packPairs(block[32:64], c[128:], 0, 2, 4, 6)
			le.PutUint16(block[64:], scale)
		}
	case TQ1_0:
		for b := range len(codes) / 256 {
			block, c := dst[54*b:][:54], codes[256*b:][:256]
			packTrits(block[:32], c, 5)
			packTrits(block[32:48], c[160:], 5)
			packTrits(block[48:52], c[240:], 4)
			le.PutUint16(block[52:], scale)
		}
	}
	return nil
}

// DecodeTernary is the inverse of EncodeTernary, for rows or whole tensors without what
// follows an I2_S tensor. For scales see BlockScale.
func DecodeTernary(t Type, codes, src []byte) error {
	if err := checkTernary(t, src, codes); err != nil {
		return err
	}
	bad := false
	switch t {
	case I2_S:
		for i := 0; i < len(src); i += 32 {
			bad = unpackPairs(codes[4*i:4*i+128], src[i:i+32], 6, 4, 2, 0) || bad
		}
	case TQ2_0:
		for b := range len(codes) / 256 {
			block, c := src[66*b:][:66], codes[256*b:][:256]
			bad = unpackPairs(c[:128], block[:32], 0, 2, 4, 6) || bad
			bad = unpackPairs(c[128:], block[32:64], 0, 2, 4, 6) || bad
		}
	case TQ1_0:
		for b := range len(codes) / 256 {
			block, c := src[54*b:][:54], codes[256*b:][:256]
			unpackTrits(c, block[:32], 5)
			unpackTrits(c[160:], block[32:48], 5)
			unpackTrits(c[240:], block[48:52], 4)
		}
	}
	if bad {
		return fmt.Errorf("the %s codes hold a 3, which stands for no weight: "+
			"the file is damaged or was packed in another way", t)
	}
	return nil
}

func checkTernary(t Type, packed, codes []byte) error {
	if !t.IsTernary() {
		return fmt.Errorf("tensor type %s does not hold ternary weights", t)
	}
	if l := layouts[t]; len(codes)%int(l.values) != 0 || len(packed) != t.RowBytes(len(codes)) {
		return fmt.Errorf("%d bytes of %s for %d weights: want a multiple of %d weights, %d bytes for each",
			len(packed), t, len(codes), l.values, l.bytes)
	}
	return nil
}

// BlockScale returns the scale of a TQ1_0 or TQ2_0 tensor, in half precision. All blocks must have
// the same scale, else the tensor is not a BitNet weight and BlockScale returns an error. A block
// of zeros alone may have the scale 0.
func BlockScale(t Type, data []byte) (uint16, error) {
	size := int(layouts[t].bytes)
	scale := uint16(0)
	for at := size - 2; at < len(data); at += size {
		switch d := le.Uint16(data[at:]); {
		case d&0x7fff == 0:
			if !allZero(t, data[at+2-size:][:size]) {
				return 0, fmt.Errorf("the block at byte %d has the scale 0, but codes other than zero: the file is damaged",
					at+2-size)
			}
		case d == scale:
		case scale == 0:
			scale = d
		default:
			return 0, fmt.Errorf("blocks have different scales, %g and %g: a BitNet weight has one",
				float16.FromBits(scale), float16.FromBits(d))
		}
	}
	return scale, nil
}

// allZero reports whether a block of TQ1_0 or TQ2_0 holds nothing but zeros.
func allZero(t Type, block []byte) bool {
	var codes [256]byte
	if DecodeTernary(t, codes[:], block) != nil {
		return false
	}
	for _, c := range codes {
		if c != 1 {
			return false
		}
	}
	return true
}

// CountZeros counts the weights of 0 among code bytes: the code 1 alone has its lowest bit set.
func CountZeros(codes []byte) (n int64) {
	for ; len(codes) >= 8; codes = codes[8:] {
		n += int64(bits.OnesCount64(le.Uint64(codes) & lowBit))
	}
	for _, c := range codes {
		n += int64(c & 1)
	}
	return n
}

// packPairs packs 128 codes into 32 bytes: byte j holds the codes j, 32+j, 64+j and 96+j at
// the given shifts.
func packPairs(dst, codes []byte, s0, s1, s2, s3 uint) {
	dst, codes = dst[:32], codes[:128]
	for j := 0; j < 32; j += 8 {
		low := le.Uint64(codes[j:])<<s0 | le.Uint64(codes[32+j:])<<s1
		le.PutUint64(dst[j:], low|le.Uint64(codes[64+j:])<<s2|le.Uint64(codes[96+j:])<<s3)
	}
}

// unpackPairs is the inverse of packPairs. It reports whether there was a code 3.
func unpackPairs(codes, src []byte, s0, s1, s2, s3 uint) (bad bool) {
	codes, src = codes[:128], src[:32]
	threes := uint64(0)
	for j := 0; j < 32; j += 8 {
		v := le.Uint64(src[j:])
		threes |= v & (v >> 1) & (lowBit * 0x55)
		le.PutUint64(codes[j:], v>>s0&lowPair)
		le.PutUint64(codes[32+j:], v>>s1&lowPair)
		le.PutUint64(codes[64+j:], v>>s2&lowPair)
		le.PutUint64(codes[96+j:], v>>s3&lowPair)
	}
	return threes != 0
}

// packTrits packs digits codes into each byte of dst: byte i holds the codes i, n+i, 2n+i ...
// as a number of five digits to the base 3, the first one highest, scaled to 256 and rounded
// up, so that multiplying by 3 brings one digit after the other to the top.
func packTrits(dst, codes []byte, digits int) {
	for i := range dst {
		v := 0
		for d := range 5 {
			v *= 3
			if d < digits {
				v += int(codes[d*len(dst)+i])
			}
		}
		dst[i] = byte((v*256 + tq10Base - 1) / tq10Base)
	}
}

func unpackTrits(codes, src []byte, digits int) {
	for i, b := range src {
		q := uint(b)
		for d := range digits {
			codes[d*len(src)+i] = byte(q * 3 >> 8)
			q = q * 3 & 0xff
		}
	}
}
