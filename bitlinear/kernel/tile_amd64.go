//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var hasVNNI = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI

var (
	vnniTernaryTiles = []tile{{tokens: 24, rows: 16, run: ternaryTileVNNI24}, {tokens: 8, rows: 16, run: ternaryTileVNNI8}, {tokens: 4, rows: 16, run: ternaryTileVNNI4}, {tokens: 2, rows: 16, run: ternaryTileVNNI2}, {tokens: 1, rows: 16, run: ternaryTileVNNI1, quad: ternaryQuadVNNI}}
	vnniInt8Tiles    = []tile{{tokens: 24, rows: 16, run: int8TileVNNI24}, {tokens: 8, rows: 16, run: int8TileVNNI8}, {tokens: 4, rows: 16, run: int8TileVNNI4}, {tokens: 2, rows: 16, run: int8TileVNNI2}, {tokens: 1, rows: 16, run: int8TileVNNI1, quad: int8QuadVNNI}}
	vnniInt4Tiles    = []tile{{tokens: 24, rows: 16, run: int4TileVNNI24}, {tokens: 8, rows: 16, run: int4TileVNNI8}, {tokens: 2, rows: 16, run: int4TileVNNI2, quad: int4QuadVNNI}}
	avx2TernaryTiles = []tile{{tokens: 4, rows: 8, run: ternaryTileAVX2x4}, {tokens: 2, rows: 8, run: ternaryTileAVX2x2}, {tokens: 1, rows: 8, run: ternaryTileAVX2x1}}
)

// ternaryImplementations lists the tiles that this machine can run.
func ternaryImplementations() map[string][]tile {
	list := map[string][]tile{"generic": genericTernaryTiles}
	if cpu.X86.HasAVX2 {
		list["avx2"] = avx2TernaryTiles
	}
	return withVNNI(list, vnniTernaryTiles)
}

// withVNNI adds the tiles for VPDPBUSD, and those with AMX before them, to a list.
func withVNNI(list map[string][]tile, tiles []tile) map[string][]tile {
	if hasVNNI {
		list["avx512vnni"] = tiles
	}
	if hasAMX {
		list["amx"] = append([]tile{{amx: true, tokens: amxTokens}}, tiles...)
	}
	return list
}

func int8Implementations() map[string][]tile {
	return withVNNI(map[string][]tile{"generic": genericInt8Tiles}, vnniInt8Tiles)
}

func int4Implementations() map[string][]tile {
	return withVNNI(map[string][]tile{"generic": genericInt4Tiles}, vnniInt4Tiles)
}
