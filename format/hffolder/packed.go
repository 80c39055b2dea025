package hffolder

import "encoding/binary"

// ScaleSuffix follows the name of a packed weight in the name of its scale.
const ScaleSuffix = "_scale"

// Packed folders hold 2-bit codes, U8 [out/4, in], with a weight_scale beside each weight:
// with R = out/4, packed row p holds the rows p, p+R, p+2R and p+3R from its low bits to
// its high bits, as value+1.

const (
	lowPair = 0x0303030303030303 // the lowest two bits of eight bytes
	lowBit  = 0x0101010101010101
)

// UnpackRow takes the codes of one of the four rows out of a packed one; part is its number
// from the low bits on. dst and src have the length of a row. It reports whether one of the
// codes is 3, which stands for no weight.
func UnpackRow(dst, src []byte, part int) (bad bool) {
	le, threes := binary.LittleEndian, uint64(0)
	shift := uint(2*part) & 7
	for ; len(src) >= 32 && len(dst) >= 32; src, dst = src[32:], dst[32:] { // four words at a time
		a, b := le.Uint64(src)>>shift&lowPair, le.Uint64(src[8:])>>shift&lowPair
		c, d := le.Uint64(src[16:])>>shift&lowPair, le.Uint64(src[24:])>>shift&lowPair
		threes |= a&(a>>1) | b&(b>>1) | c&(c>>1) | d&(d>>1)
		le.PutUint64(dst, a)
		le.PutUint64(dst[8:], b)
		le.PutUint64(dst[16:], c)
		le.PutUint64(dst[24:], d)
	}
	for i, v := range src {
		v = v >> shift & 3
		threes |= uint64(v & (v >> 1))
		dst[i] = v
	}
	return threes&lowBit != 0
}

// PackRows packs the codes of four rows, of the length of dst, into one.
func PackRows(dst []byte, rows *[4][]byte) {
	le, i := binary.LittleEndian, 0
	for ; i+8 <= len(dst); i += 8 {
		low := le.Uint64(rows[0][i:]) | le.Uint64(rows[1][i:])<<2
		le.PutUint64(dst[i:], low|le.Uint64(rows[2][i:])<<4|le.Uint64(rows[3][i:])<<6)
	}
	for ; i < len(dst); i++ {
		dst[i] = rows[0][i] | rows[1][i]<<2 | rows[2][i]<<4 | rows[3][i]<<6
	}
}
