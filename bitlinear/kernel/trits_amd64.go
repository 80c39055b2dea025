//go:build !purego

package kernel

import "slices"

// tritsTiles are the tiles for trits on a machine with these tiles for 2-bit codes.
func tritsTiles(tiles []tile) []tile {
	if tiles[len(tiles)-1].quad == nil {
		return tiles
	}
	large := slices.IndexFunc(tiles, func(t tile) bool { return !t.amx })
	return append(tiles[:large+1:large+1],
		tile{tokens: 8, rows: 16, trits: true, run: tritsTileVNNI8},
		tile{tokens: 4, rows: 16, trits: true, run: tritsTileVNNI4},
		tile{tokens: 2, rows: 16, trits: true, run: tritsTileVNNI2},
		tile{tokens: 1, rows: 16, run: ternaryTileVNNI1, quad: tritsQuadVNNI})
}

// FastTrits reports whether one token is multiplied by trits without unpacking them.
func FastTrits() bool { return ternaryTiles[len(ternaryTiles)-1].quad != nil }
