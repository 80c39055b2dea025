//go:build !purego

package intgrad

import "trit/bitlinear/kernel/cpu"

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.MatrixInt8 {
		list = append(list, dotProduct.with("i8mm", tilesMM, 0))
	}
	if cpu.DotProduct {
		list = append(list, dotProduct)
	}
	return append(list, generic)
}

// dotProduct streams as it stores: of arm64, a store past the caches is but a hint.
var dotProduct = implementation{
	name: "dotprod", codes: tiles{run: tilesDot}, activations: tiles{run: tilesDot},
	maxima: maximaNEON, rows: rowsNEON, columns: columnsNEON, quads: quadsNEON,
	store: storeNEON, add: addNEON, stream: storeNEON,
}

// maximaNEON is maximaGeneric; n is a multiple of 16.
//
//go:noescape
func maximaNEON(n int, x *float32, inverse float32, columns *uint32) uint32

// rowsNEON is rowsGeneric without a bias, since tiles read signs.
//
//go:noescape
func rowsNEON(steps int, dst *int8, distance int, x *float32, factor float32, number, key, bias uint32)

// columnsNEON is columnsGeneric without a bias.
//
//go:noescape
func columnsNEON(dst *int8, x *float32, ld int, inverse, factor *float32, number, key, bias uint32)

// quadsNEON is quadsGeneric.
//
//go:noescape
func quadsNEON(n int, dst *byte, distance int, x *int8, ld int)

// storeNEON is storeGeneric.
//
//go:noescape
func storeNEON(rows int, dst *float32, width int, sums *int32, factor *float32)

// addNEON is addGeneric.
//
//go:noescape
func addNEON(rows int, dst *float32, width int, sums *int32, factor *float32)

// tilesDot is tilesGeneric with SDOT.
//
//go:noescape
func tilesDot(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte)

// tilesMM is tilesGeneric with SMMLA.
//
//go:noescape
func tilesMM(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte)
