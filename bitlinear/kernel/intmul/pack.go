package intmul

import (
	"encoding/binary"

	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
)

// Before a row is packed, it is turned into codes, weight plus one, four neighbouring columns in
// the bytes of a word, the first in the lowest byte. So one operation handles four weights.

// quadsOf writes the codes of q. The last word is filled up with codes of padding.
func quadsOf(quads []uint32, q []int8) {
	for i := range quads {
		part := q[4*i : min(4*i+4, len(q))]
		quads[i] = 0
		for j, v := range part {
			quads[i] |= uint32(v+1) << (8 * j)
		}
	}
}

// quadsOfMasters is quadsOf for master weights w under a rounding.
func quadsOfMasters(quads []uint32, w []float32, r quant.Rounding) {
	n := lanes(chosen.ternaryCodes != nil, len(w))
	if n > 0 {
		chosen.ternaryCodes(n, &quads[0], &w[0], r.Factor())
	}
	for i := n / 4; i < len(quads); i++ {
		quads[i] = 0
		for j, v := range w[4*i : min(4*i+4, len(w))] {
			quads[i] |= uint32(vector.Ternary(v, r)+1) << (8 * j)
		}
	}
}

// quadsOfI2S writes the codes of I2_S: of 128 columns, byte j has the columns j, 32+j, 64+j
// and 96+j from its high bits down.
func quadsOfI2S(quads []uint32, codes []byte) error {
	var wrong uint32
	for b := 0; b < len(codes); b += quant.BlockBytes {
		in, out := codes[b:][:quant.BlockBytes], quads[b:][:quant.BlockBytes]
		for j := range 8 {
			w := binary.LittleEndian.Uint32(in[4*j:])
			wrong |= w & (w >> 1)
			out[j], out[8+j], out[16+j], out[24+j] = w>>6&0x03030303, w>>4&0x03030303, w>>2&0x03030303, w&0x03030303
		}
	}
	if wrong&0x55555555 != 0 {
		return quant.UnpackI2S(make([]int8, 4*len(codes)), codes) // its error names the byte
	}
	return nil
}

// packBits2 packs a row of 2-bit codes; out has four bytes of each line.
func packBits2(out []byte, quads []uint32) {
	const line = groupCols / 4
	at := 0
	for ; len(quads) >= line; at += lineBytes {
		binary.LittleEndian.PutUint32(out[at:], quads[0]|quads[1]<<2|quads[2]<<4|quads[3]<<6)
		quads = quads[line:]
	}
	if len(quads) > 0 {
		rest := uint32(0)
		for i, q := range quads {
			rest |= q << (2 * i)
		}
		binary.LittleEndian.PutUint32(out[at:], rest)
	}
}

// packTrits packs a row of trits; out has four bytes of each line.
func packTrits(out []byte, quads []uint32) {
	for at := 0; len(quads) > 0; at += lineBytes {
		var line [tritsCols / 4]uint32
		quads = quads[copy(line[:], quads):]
		v := (((line[0]*3+line[1])*3+line[2])*3+line[3])*3 + line[4] // at most 242 in a byte
		for j := range 4 {
			out[at+j] = tritsByte[byte(v>>(8*j))]
		}
	}
}

// tritsByte is v*256/243 rounded up.
var tritsByte = func() (table [256]byte) {
	for v := range 243 {
		table[v] = byte((v*256 + 242) / 243)
	}
	return table
}()
