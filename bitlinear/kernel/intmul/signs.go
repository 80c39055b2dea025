package intmul

import (
	"encoding/binary"
	"slices"
)

// A line of weights of one bit holds 32 columns of 16 rows: bit b of byte j of a row is column
// 4b+j. A bit of 1 is the code 2, a weight of 1, a bit of 0 the code 0, a weight of -1.
const signsCols = 32

// packSigns packs a row of codes; out has four bytes of each line.
func packSigns(out []byte, quads []uint32) {
	for at := 0; len(quads) > 0; at += lineBytes {
		var line [signsCols / 4]uint32
		quads = quads[copy(line[:], quads):]
		word := uint32(0)
		for b, q := range line {
			word |= q >> 1 & 0x01010101 << b
		}
		binary.LittleEndian.PutUint32(out[at:], word)
	}
}

// widenSigns turns a block of signs into 2-bit codes.
func widenSigns(dst, block []byte) []byte {
	dst = slices.Grow(dst[:0], 2*len(block))[:2*len(block)]
	for at := 0; at < len(block); at += 4 {
		word := binary.LittleEndian.Uint32(block[at:])
		low, high := uint32(0), uint32(0)
		for b := range 4 {
			low |= word >> b & 0x01010101 << (2*b + 1)
			high |= word >> (4 + b) & 0x01010101 << (2*b + 1)
		}
		line := at / lineBytes * 2 * lineBytes
		binary.LittleEndian.PutUint32(dst[line+at%lineBytes:], low)
		binary.LittleEndian.PutUint32(dst[line+lineBytes+at%lineBytes:], high)
	}
	return dst
}
