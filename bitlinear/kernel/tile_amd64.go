//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var hasVNNI = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI

var (
	vnniTernaryTiles = []tile{{tokens: 24, rows: 16, run: ternaryTileVNNI24}, {tokens: 8, rows: 16, run: ternaryTileVNNI8}, {tokens: 4, rows: 16, run: ternaryTileVNNI4}, {tokens: 2, rows: 16, run: ternaryTileVNNI2}, {tokens: 1, rows: 16, run: ternaryTileVNNI1, quad: ternaryQuadVNNI, forTrits: vnniTritsTiles}}
	vnniInt8Tiles    = []tile{{tokens: 24, rows: 16, run: int8TileVNNI24}, {tokens: 8, rows: 16, run: int8TileVNNI8}, {tokens: 4, rows: 16, run: int8TileVNNI4}, {tokens: 2, rows: 16, run: int8TileVNNI2}, {tokens: 1, rows: 16, run: int8TileVNNI1, quad: int8QuadVNNI}}
	vnniInt4Tiles    = []tile{{tokens: 24, rows: 16, run: int4TileVNNI24}, {tokens: 8, rows: 16, run: int4TileVNNI8}, {tokens: 2, rows: 16, run: int4TileVNNI2, quad: int4QuadVNNI}}
)

// Tiles on YMM registers, for machines without AVX-512.
var (
	avxVNNITernaryTiles = []tile{{tokens: 12, rows: 8, run: ternaryTileAVXVNNIx12}, {tokens: 4, rows: 16, run: ternaryTileAVXVNNIx4, quad: ternaryQuadAVXVNNIx4}, {tokens: 2, rows: 16, run: ternaryTileAVXVNNIx2, quad: ternaryQuadAVXVNNIx2}, {tokens: 1, rows: 16, run: ternaryTileAVXVNNIx1, quad: ternaryQuadAVXVNNIx1}}
	avxVNNIInt8Tiles    = []tile{{tokens: 12, rows: 8, run: int8TileAVXVNNIx12}, {tokens: 4, rows: 16, run: int8TileAVXVNNIx4, quad: int8QuadAVXVNNIx4}, {tokens: 2, rows: 16, run: int8TileAVXVNNIx2, quad: int8QuadAVXVNNIx2}, {tokens: 1, rows: 16, run: int8TileAVXVNNIx1, quad: int8QuadAVXVNNIx1}}
	avxVNNIInt4Tiles    = []tile{{tokens: 12, rows: 8, run: int4TileAVXVNNIx12}, {tokens: 4, rows: 16, run: int4TileAVXVNNIx4, quad: int4QuadAVXVNNIx4}, {tokens: 2, rows: 16, run: int4TileAVXVNNIx2, quad: int4QuadAVXVNNIx2}}
	avx2TernaryTiles    = []tile{{tokens: 12, rows: 8, run: ternaryTileAVX2x12}, {tokens: 4, rows: 16, run: ternaryTileAVX2x4, quad: ternaryQuadAVX2x4}, {tokens: 2, rows: 16, run: ternaryTileAVX2x2, quad: ternaryQuadAVX2x2}, {tokens: 1, rows: 16, run: ternaryTileAVX2x1, quad: ternaryQuadAVX2x1}}
	avx2Int8Tiles       = []tile{{tokens: 4, rows: 16, run: int8TileAVX2x4, quad: int8QuadAVX2x4}, {tokens: 2, rows: 16, run: int8TileAVX2x2, quad: int8QuadAVX2x2}, {tokens: 1, rows: 16, run: int8TileAVX2x1, quad: int8QuadAVX2x1}}
	avx2Int4Tiles       = []tile{{tokens: 12, rows: 8, run: int4TileAVX2x12}, {tokens: 4, rows: 16, run: int4TileAVX2x4, quad: int4QuadAVX2x4}, {tokens: 2, rows: 16, run: int4TileAVX2x2, quad: int4QuadAVX2x2}}
)

// ternaryImplementations lists the tiles that this machine can run.
func ternaryImplementations() map[string][]tile {
	return implementations(genericTernaryTiles, avx2TernaryTiles, avxVNNITernaryTiles, vnniTernaryTiles)
}

func int8Implementations() map[string][]tile {
	return implementations(genericInt8Tiles, avx2Int8Tiles, avxVNNIInt8Tiles, vnniInt8Tiles)
}

func int4Implementations() map[string][]tile {
	return implementations(genericInt4Tiles, avx2Int4Tiles, avxVNNIInt4Tiles, vnniInt4Tiles)
}

// implementations names those that this machine can run. AMX stands before the tiles of
// AVX-512, which it leaves few tokens to.
func implementations(generic, avx2, avxVNNI, vnni []tile) map[string][]tile {
	list := map[string][]tile{"generic": generic}
	if cpu.X86.HasAVX2 {
		list["avx2"] = avx2
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasAVXVNNI {
		list["avxvnni"] = avxVNNI
	}
	if hasVNNI {
		list["avx512vnni"] = vnni
	}
	if hasAMX {
		list["amx"] = append([]tile{{amx: true, tokens: amxTokens}}, vnni...)
	}
	return list
}
