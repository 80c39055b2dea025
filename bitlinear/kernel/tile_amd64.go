//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var hasVNNI = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI

var (
	vnniTernaryTiles = []tile{{24, 16, ternaryTileVNNI24}, {8, 16, ternaryTileVNNI8}, {4, 16, ternaryTileVNNI4}, {2, 16, ternaryTileVNNI2}, {1, 16, ternaryTileVNNI1}}
	vnniInt8Tiles    = []tile{{24, 16, int8TileVNNI24}, {8, 16, int8TileVNNI8}, {4, 16, int8TileVNNI4}, {2, 16, int8TileVNNI2}, {1, 16, int8TileVNNI1}}
	avx2TernaryTiles = []tile{{4, 8, ternaryTileAVX2x4}, {2, 8, ternaryTileAVX2x2}, {1, 8, ternaryTileAVX2x1}}
)

// ternaryImplementations lists the tiles that this machine can run.
func ternaryImplementations() map[string][]tile {
	list := map[string][]tile{"generic": genericTernaryTiles}
	if cpu.X86.HasAVX2 {
		list["avx2"] = avx2TernaryTiles
	}
	if hasVNNI {
		list["avx512vnni"] = vnniTernaryTiles
	}
	return list
}

func int8Implementations() map[string][]tile {
	list := map[string][]tile{"generic": genericInt8Tiles}
	if hasVNNI {
		list["avx512vnni"] = vnniInt8Tiles
	}
	return list
}
