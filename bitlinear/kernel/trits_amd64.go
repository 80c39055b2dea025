//go:build !purego

package kernel

import "slices"

// tritsTiles are the tiles for trits on a machine with these tiles for 2-bit codes. Where
// none reads trits, all blocks are widened first, one by one.
func tritsTiles(tiles []tile) []tile {
	one := tiles[len(tiles)-1]
	if one.tritsQuad == nil {
		return withoutQuads(tiles)
	}
	large := slices.IndexFunc(tiles, func(t tile) bool { return !t.amx })
	return append(tiles[:large+1:large+1],
		tile{tokens: 8, rows: 16, trits: true, run: tritsTileVNNI8},
		tile{tokens: 4, rows: 16, trits: true, run: tritsTileVNNI4},
		tile{tokens: 2, rows: 16, trits: true, run: tritsTileVNNI2},
		tile{tokens: 1, rows: 16, run: one.run, quad: one.tritsQuad})
}

func withoutQuads(tiles []tile) []tile {
	tiles = slices.Clone(tiles)
	for i := range tiles {
		tiles[i].quad = nil
	}
	return tiles
}

// FastTrits reports whether one token is multiplied by trits without unpacking them.
func FastTrits() bool { return ternaryTiles[len(ternaryTiles)-1].tritsQuad != nil }
