// Package intmul multiplies int8 activations by weights of few bits: ternary ones of 2 or of 1.6
// bits, 4-bit codes, and int8. Sums are made in int32, so every implementation has the bits of
// bitlinear/quant.
//
// The words, each in one sense:
//
//   - block: 16 rows of weights, since a register has 16 lanes of sums;
//   - line: 64 bytes of a block, four of each row, which hold 4 to 20 columns;
//   - group: 16 columns of a block, one to four lines, or a line of 1.6 bits with its 20 columns;
//   - tile: a function that multiplies a block by a fixed number of tokens;
//   - panel: the activations of the tokens of a tile, in the order in which it reads them;
//   - quad: four blocks that a tile multiplies together, since four streams of memory are faster
//     than one;
//   - strip: blocks that are multiplied by one panel after another, while they are in the cache.
//
// Tiles are in plain Go (generic.go) or in assembly; dispatch_*.go choose by the instruction sets
// of the processor. On a processor with AMX, many tokens do not go through tiles: see amx.go.
package intmul

const (
	blockRows = 16
	groupCols = 16
	lineBytes = 64
)

// implementation is one way to compute the products. The tiles of each kind of weights are sorted
// by their number of tokens, the largest first.
type implementation struct {
	name    string
	ternary []tile
	trits   []tile // for ternary weights of 1.6 bits
	signs   []tile // for weights of one bit
	int4    []tile
	int8    []tile
	amx     bool // products of amxFrom tokens and more run on AMX
	// Functions that may be nil: then plain Go is used.
	packing
	// The functions of toBytes are set if amx is.
	toBytes
}

// packing has the loops over integers before and after a product.
type packing struct {
	rescaleSums16 func(tokens int, dst *float32, width int, x *int32, factor *float32) // 16 sums a token
	rescaleSums32 func(tokens int, dst *float32, width int, x *int32, factor *float32) // 32 sums a token
	// addScaled adds 16 sums a token; those of the next are stride behind.
	addScaled    func(tokens int, dst *float32, width int, x *int32, stride int, factor *float32, scale *uint16)
	addParts     func(tokens, parts int, dst *float32, x *int32, factor *float32, scale *uint16) // set if amx is
	int4Codes    func(n int, dst *byte, x, dither *float32, inverse float32)                     // n is a multiple of 16
	sumInt8      func(n int, x *int8) int32                                                      // n is a multiple of 16
	ternaryCodes func(n int, dst *uint32, w *float32, factor float32)                            // n is a multiple of 16
	tritsWiden   func(lines int, w, dst *byte)                                                   // lines come in fours
	ternaryPairs func(pairs int, dst, codes *byte)
	// ternaryBlock packs 16 rows of ternaryCodes, 16 columns a group, as packBits2 does.
	ternaryBlock func(groups int, dst *byte, w *float32, width int, factor float32)
	ternaryQuads func(lines int, dst *byte, distance int, codes *byte)
}

// toBytes makes an int8 of each weight of some lines, as AMX reads them.
type toBytes struct {
	ternaryBytes, tritsBytes, signsBytes, int4Bytes, int8Bytes func(lines int, w, dst *byte)
}

// tile multiplies a block, or half of one, by its number of tokens; see ternaryTileGeneric for
// the loop.
type tile struct {
	tokens int
	rows   int  // 16, or 8 if it takes half a block
	packed bool // reads lines of fewer than 2 bits as they are, so that they need not be widened
	pairs  bool // reads eight neighbouring activations of a token side by side, not four
	run    func(groups int, w *byte, x *int8, offset, dst *int32, stride int)
	// quad, if there is one, multiplies four blocks, size bytes apart, of a number of columns.
	quad func(columns int, w *byte, x *int8, offset, dst *int32, size int)
	// grouped, if there is one, is a quad of weights with a scale a group; see groupedQuadGeneric.
	grouped groupedQuad
}

// together is the number of activations of a token that lie side by side in a panel.
func (t *tile) together() int {
	if t.pairs {
		return 8
	}
	return 4
}

// chosen is the implementation for this processor.
var chosen = implementations()[0]

// Kernel names the implementation that this processor runs, such as "avx512vnni".
func Kernel() string { return chosen.name }

// FastTrits reports whether weights of 1.6 bits are multiplied by one token without being widened
// to 2 bits.
func FastTrits() bool { return chosen.trits[len(chosen.trits)-1].quad != nil }

// withoutQuads are tiles for 1.6 bits that are widened, one block at a time.
func withoutQuads(tiles []tile) []tile {
	tiles = append([]tile{}, tiles...)
	for i := range tiles {
		tiles[i].quad = nil
	}
	return tiles
}

// withGrouped are tiles for signs that are widened, but for the quads of one token and more.
func withGrouped(tiles []tile, quads ...groupedQuad) []tile {
	tiles = withoutQuads(tiles)
	for i := range tiles {
		tiles[i].grouped = nil
		if n := tiles[i].tokens; n <= len(quads) {
			tiles[i].grouped = quads[n-1]
		}
	}
	return tiles
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

// lanes returns the number of n elements that a function of packing takes: 0 if it is not there,
// else a multiple of 16.
func lanes(there bool, n int) int {
	if !there {
		return 0
	}
	return n &^ 15
}
