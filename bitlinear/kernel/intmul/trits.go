package intmul

import "slices"

// A byte holds five trits, ternary digits. Let v be the number whose ternary digits are the
// weights plus one, the first digit the highest; the byte is v*256/243 rounded up. Three times the
// byte has the first digit above its eight bits, and in its eight bits the byte of the other
// digits. So multiplying by 3 brings out one digit after another. A line of 64 bytes holds 20
// columns of 16 rows: digit i of byte j of a row is column 4i+j.
const (
	tritsCols = 20
	tritsUnit = 80 // columns of both four such lines and five lines of 2 bits
)

// widenTrits turns a block of trits into 2-bit codes.
func widenTrits(dst, block []byte) []byte {
	lines := len(block) / lineBytes
	dst = slices.Grow(dst[:0], lines/4*5*lineBytes)[:lines/4*5*lineBytes]
	if chosen.tritsWiden != nil {
		chosen.tritsWiden(lines, &block[0], &dst[0])
		return dst
	}
	widenTritsGeneric(dst, block)
	return dst
}
