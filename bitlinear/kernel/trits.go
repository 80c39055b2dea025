package kernel

import "slices"

// Five trits in a byte: with v = the number whose ternary digits are the weights plus
// one, the first digit the highest, the byte is v*256/243 rounded up. Three times the
// byte then has the first digit above its eight bits, and below them the byte of the
// other digits; so digits come out by multiplying by 3. A line of 64 bytes holds 20
// columns of 16 rows: digit i of byte j of a row is column 4i+j.
const (
	tritsCols = 20
	tritsUnit = 80 // columns of both four such lines and five lines of 2 bits
)

// widenTrits turns a block of trits into 2-bit codes.
func widenTrits(dst, block []byte) []byte {
	lines := len(block) / groupSize
	dst = slices.Grow(dst[:0], lines/4*5*groupSize)[:lines/4*5*groupSize]
	if chosenVectors.tritsWiden != nil {
		chosenVectors.tritsWiden(lines, &block[0], &dst[0])
		return dst
	}
	widenTritsGeneric(dst, block)
	return dst
}

// widenTritsGeneric is tritsWiden of a vectorSet in plain Go.
func widenTritsGeneric(dst, block []byte) {
	clear(dst)
	for at, b := range block {
		line, lane := at/groupSize, at%groupSize
		for i := range 5 {
			v := 3 * int(b)
			quad := 5*line + i
			dst[quad/4*groupSize+lane] |= byte(v>>8) << (quad % 4 * 2)
			b = byte(v)
		}
	}
}
