package intmul

import "encoding/binary"

// Values writes the weights of a row from column col on, over the length of dst: with it a Ternary
// is an operand of products in float32, which read it a few columns at a time. The weights must
// have 2 bits, and col must be a multiple of 16.
func (w *Ternary) Values(dst []float32, row, col int) {
	at := row/blockRows*w.blockBytes() + row%blockRows*4 + col/groupCols*lineBytes
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
