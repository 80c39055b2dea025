//go:build !purego

package kernel

import "slices"

// vnniTritsTiles are the tiles for trits on AVX-512, but the largest, which does not read
// them. On YMM registers taking bytes apart would take longer than reading the fourth more
// of memory that codes of 2 bits are.
var vnniTritsTiles = []tile{{tokens: 8, rows: 16, trits: true, run: tritsTileVNNI8}, {tokens: 4, rows: 16, trits: true, run: tritsTileVNNI4}, {tokens: 2, rows: 16, trits: true, run: tritsTileVNNI2}, {tokens: 1, rows: 16, run: ternaryTileVNNI1, quad: tritsQuadVNNI}}

// tritsTiles are the tiles for trits on a machine with these tiles for 2-bit codes. Where
// none reads trits, all blocks are widened first, one by one.
func tritsTiles(tiles []tile) []tile {
	forTrits := tiles[len(tiles)-1].forTrits
	if forTrits == nil {
		return withoutQuads(tiles)
	}
	large := slices.IndexFunc(tiles, func(t tile) bool { return !t.amx })
	return append(tiles[:large+1:large+1], forTrits...)
}

func withoutQuads(tiles []tile) []tile {
	tiles = slices.Clone(tiles)
	for i := range tiles {
		tiles[i].quad = nil
	}
	return tiles
}

// FastTrits reports whether one token is multiplied by trits without unpacking them.
func FastTrits() bool { return ternaryTiles[len(ternaryTiles)-1].forTrits != nil }
