//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// ternaryTileDot1 is ternaryTileGeneric with SDOT: a lane is a row.
//
//go:noescape
func ternaryTileDot1(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// ternaryTileDot4 is ternaryTileDot1 for four tokens; those of a group of four columns
// lie side by side in x.
//
//go:noescape
func ternaryTileDot4(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// ternaryTileNEON1 is ternaryTileDot1 with 16-bit products, for processors without SDOT.
//
//go:noescape
func ternaryTileNEON1(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// int4TileDot2 is int4TileGeneric for two tokens, with SDOT.
//
//go:noescape
func int4TileDot2(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// int8TileDot1 is int8TileGeneric with SDOT, for an offset that undoes the bias.
//
//go:noescape
func int8TileDot1(groups int, w *byte, x *int8, offset, dst *int32, stride int)

func ternaryImplementations() map[string][]tile {
	list := map[string][]tile{"generic": genericTernaryTiles, "neon": {{tokens: 1, rows: 16, run: ternaryTileNEON1}}}
	if cpu.ARM64.HasASIMDDP {
		list["dotprod"] = []tile{{tokens: 4, rows: 16, run: ternaryTileDot4}, {tokens: 1, rows: 16, run: ternaryTileDot1}}
	}
	return list
}

func int8Implementations() map[string][]tile {
	list := map[string][]tile{"generic": genericInt8Tiles}
	if cpu.ARM64.HasASIMDDP {
		list["dotprod"] = []tile{{tokens: 1, rows: 16, run: int8TileDot1}}
	}
	return list
}

func int4Implementations() map[string][]tile {
	list := map[string][]tile{"generic": genericInt4Tiles}
	if cpu.ARM64.HasASIMDDP {
		list["dotprod"] = []tile{{tokens: 2, rows: 16, run: int4TileDot2}}
	}
	return list
}
