package intmul

import "encoding/binary"

// Values writes the weights of a row from column col on, over the length of dst: with it a Ternary
// is an operand of products in float32, which read it a few columns at a time. The weights must
// have 2 bits.
func (w *Ternary) Values(dst []float32, row, col int) {
	at := row/blockRows*w.blockBytes() + row%blockRows*4 + col/groupCols*lineBytes
	if in := col % groupCols; in > 0 {
		var first [groupCols]float32
		groupValues(&first, w.codes[at:])
		dst, at = dst[copy(dst, first[in:]):], at+lineBytes
	}
	for ; len(dst) >= groupCols; dst, at = dst[groupCols:], at+lineBytes {
		groupValues((*[groupCols]float32)(dst), w.codes[at:])
	}
	if len(dst) > 0 {
		var last [groupCols]float32
		groupValues(&last, w.codes[at:])
		copy(dst, last[:])
	}
}

// groupValues writes a row's weights of the 16 columns of a line.
func groupValues(dst *[groupCols]float32, line []byte) {
	codes := binary.LittleEndian.Uint32(line)
	for s := 0; s < groupCols; s += 4 {
		dst[s], dst[s+1] = codeValue[codes&3], codeValue[codes>>8&3]
		dst[s+2], dst[s+3] = codeValue[codes>>16&3], codeValue[codes>>24&3]
		codes >>= 2
	}
}

// codeValue is the weight of a code. Code 3 is none.
var codeValue = [4]float32{-1, 0, 1}

// BF16Pairs writes dst[p][j] = the weights of rows row+2p and row+2p+1 in column col+j, in bfloat16 and
// little-endian, for 16 columns j: so a product in bfloat16 reads them. The weights must have 2 bits,
// row must be even, and col a multiple of 16.
func (w *Ternary) BF16Pairs(dst []byte, pairs, row, col int) {
	for pairs > 0 {
		n := min(pairs, (blockRows-row%blockRows)/2)
		codes := w.codes[row/blockRows*w.blockBytes()+col/groupCols*lineBytes+row%blockRows*4:][:8*n]
		out := dst[:n*pairBytes]
		if chosen.ternaryPairs != nil {
			chosen.ternaryPairs(n, &out[0], &codes[0])
		} else {
			ternaryPairsGeneric(out, codes)
		}
		dst, pairs, row = dst[n*pairBytes:], pairs-n, row+2*n
	}
}

// pairBytes are the bytes of a pair of rows of a group in bfloat16.
const pairBytes = 4 * groupCols

func ternaryPairsGeneric(dst, codes []byte) {
	for ; len(codes) > 0; dst, codes = dst[pairBytes:], codes[8:] {
		first, second := binary.LittleEndian.Uint32(codes), binary.LittleEndian.Uint32(codes[4:])
		for j := range groupCols {
			shift := 8*(j%4) + 2*(j/4)
			binary.LittleEndian.PutUint32(dst[4*j:], codeBits[first>>shift&3]|codeBits[second>>shift&3]<<16)
		}
	}
}

// codeBits are the bits in bfloat16 of the weight of a code.
var codeBits = [4]uint32{0xbf80, 0, 0x3f80}

// Int8Quads writes the weights of 16 rows from row on, a multiple of 16, as a product reads them that sums over rows:
// dst[g*distance+64q+4j+i] = the weight of row row+4q+i in column col+16g+j, for groups of 16 columns, of which col is
// the first of one. The weights must have 2 bits. Weights of rows and columns that do not exist are -1.
func (w *Ternary) Int8Quads(dst []byte, distance, row, col, groups int) {
	codes := w.codes[row/blockRows*w.blockBytes()+col/groupCols*lineBytes:][:groups*lineBytes]
	dst = dst[:(groups-1)*distance+blockRows*groupCols]
	if chosen.ternaryQuads != nil {
		chosen.ternaryQuads(groups, &dst[0], distance, &codes[0])
		return
	}
	for at := 0; len(codes) > 0; at, codes = at+distance, codes[lineBytes:] {
		ternaryQuadsGeneric(dst[at:], codes)
	}
}

func ternaryQuadsGeneric(dst, line []byte) {
	for r := range blockRows {
		codes := binary.LittleEndian.Uint32(line[4*r:])
		for j := range groupCols {
			shift := 8*(j%4) + 2*(j/4)
			dst[r/4*lineBytes+4*j+r%4] = byte(codes>>shift&3) - 1
		}
	}
}
