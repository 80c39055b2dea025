//go:build !purego

package intmul

import "trit/bitlinear/kernel/cpu"

// implementations lists the implementations that this processor can run, the best first. All
// processors of the architecture have NEON.
func implementations() (list []implementation) {
	if cpu.DotProduct {
		list = append(list, dotProduct)
	}
	return append(list, neon, generic)
}

var (
	dotProduct = implementation{
		name:    "dotprod",
		ternary: dotProductTernary,
		trits:   dotProductTernary,
		signs:   withGrouped(dotProductTernary, signsGroupedDot1, nil, nil, signsGroupedDot4),
		int4:    []tile{{tokens: 2, rows: 16, run: int4TileDot2}},
		int8:    []tile{{tokens: 1, rows: 16, run: int8TileDot1}},
	}
	dotProductTernary = []tile{
		{tokens: 4, rows: 16, run: ternaryTileDot4, grouped: ternaryGroupedDot4},
		{tokens: 1, rows: 16, run: ternaryTileDot1, grouped: ternaryGroupedDot1},
	}
	neon = implementation{
		name:    "neon",
		ternary: neonTernary,
		trits:   neonTernary,
		signs:   neonTernary,
		int4:    generic.int4,
		int8:    generic.int8,
	}
	neonTernary = []tile{{tokens: 1, rows: 16, run: ternaryTileNEON1}}
)

// ternaryTileDot1 is ternaryTileGeneric with SDOT: a lane is a row.
//
//go:noescape
func ternaryTileDot1(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// ternaryTileDot4 is ternaryTileDot1 for four tokens; their activations of a group of four columns
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

// ternaryGroupedDot1 is a groupedQuad of 1 token with SDOT.
//
//go:noescape
func ternaryGroupedDot1(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)

// ternaryGroupedDot4 is a groupedQuad of 4 tokens with SDOT.
//
//go:noescape
func ternaryGroupedDot4(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)

// signsGroupedDot1 is a groupedQuad of 1 token with SDOT.
//
//go:noescape
func signsGroupedDot1(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)

// signsGroupedDot4 is a groupedQuad of 4 tokens with SDOT.
//
//go:noescape
func signsGroupedDot4(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)
