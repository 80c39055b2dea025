//go:build !purego

package intmul

import "trit/bitlinear/kernel/cpu"

// implementations lists the implementations that this processor can run, the best first. All
// processors of the architecture have NEON.
func implementations() (list []implementation) {
	if cpu.MatrixInt8 {
		list = append(list, matrixInt8)
	}
	if cpu.DotProduct {
		list = append(list, dotProduct)
	}
	return append(list, neon, generic)
}

var (
	matrixInt8 = implementation{
		name:    "i8mm",
		ternary: matrixTernary,
		trits:   matrixTernary,
		signs: withGrouped(matrixTernary, signsGroupedDot1, nil, nil, signsGroupedDot4, nil, nil, nil,
			signsGroupedMM8),
		int4:    append([]tile{{tokens: 8, rows: 8, pairs: true, run: int4TileMM8}}, dotProduct.int4...),
		int8:    append([]tile{{tokens: 8, rows: 8, pairs: true, run: int8TileMM8}}, dotProduct.int8...),
		packing: packingNEON,
	}
	matrixTernary = append([]tile{
		{tokens: 8, rows: 8, pairs: true, run: ternaryTileMM8, grouped: ternaryGroupedMM8},
	}, dotProductTernary...)
	dotProduct = implementation{
		name:    "dotprod",
		ternary: dotProductTernary,
		trits:   dotProductTernary,
		signs:   withGrouped(dotProductTernary, signsGroupedDot1, nil, nil, signsGroupedDot4),
		int4:    []tile{{tokens: 2, rows: 16, run: int4TileDot2}},
		int8:    []tile{{tokens: 1, rows: 16, run: int8TileDot1}},
		packing: packingNEON,
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
		packing: packingNEON,
	}
	neonTernary = []tile{{tokens: 1, rows: 16, run: ternaryTileNEON1}}
	packingNEON = packing{
		rescaleSums16: rescaleSumsNEON, addScaled: addScaledNEON, sumInt8: sumInt8NEON, ternaryCodes: ternaryCodesNEON,
		ternaryQuads: ternaryQuadsNEON,
	}
)

// ternaryTileMM8 is ternaryTileGeneric for eight rows and eight tokens, with SMMLA.
//
//go:noescape
func ternaryTileMM8(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// int4TileMM8 is int4TileGeneric for eight rows and eight tokens, with SMMLA.
//
//go:noescape
func int4TileMM8(groups int, w *byte, x *int8, offset, dst *int32, stride int)

// int8TileMM8 is int8TileDot1 for eight rows and eight tokens, with SMMLA.
//
//go:noescape
func int8TileMM8(groups int, w *byte, x *int8, offset, dst *int32, stride int)

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

// ternaryGroupedMM8 is a groupedQuad of 8 tokens with SMMLA.
//
//go:noescape
func ternaryGroupedMM8(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)

// signsGroupedMM8 is a groupedQuad of 8 tokens with SMMLA.
//
//go:noescape
func signsGroupedMM8(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)

// rescaleSumsNEON writes dst[t*width+i] = float32(x[t*16+i])*factor[t] for i below 16.
//
//go:noescape
func rescaleSumsNEON(tokens int, dst *float32, width int, x *int32, factor *float32)

// addScaledNEON is addScaledGeneric of 16 sums of each token; those of the next are stride behind.
//
//go:noescape
func addScaledNEON(tokens int, dst *float32, width int, x *int32, stride int, factor *float32, scale *uint16)

// sumInt8NEON is the sum of x[i].
//
//go:noescape
func sumInt8NEON(n int, x *int8) int32

// ternaryCodesNEON writes the ternary value of w[i] plus one to byte i of dst.
//
//go:noescape
func ternaryCodesNEON(n int, dst *uint32, w *float32, factor float32)

// ternaryQuadsNEON is ternaryQuadsGeneric of some lines, whose weights are written a distance apart.
//
//go:noescape
func ternaryQuadsNEON(lines int, dst *byte, distance int, codes *byte)
