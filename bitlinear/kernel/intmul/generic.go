package intmul

import (
	"unsafe"

	"trit/internal/float16"
)

// generic is the implementation in plain Go.
var generic = implementation{
	name:    "generic",
	ternary: genericTernary,
	trits:   genericTernary,
	signs:   genericTernary,
	int4:    []tile{{tokens: 1, rows: blockRows, run: int4TileGeneric}},
	int8:    []tile{{tokens: 1, rows: blockRows, run: int8TileGeneric}},
}

var genericTernary = []tile{{tokens: 1, rows: blockRows, run: ternaryTileGeneric}}

// ternaryTileGeneric computes 16 rows of one token in plain Go: for each group g of 16
// columns, dst[r] = offset + sum over g and c of code(g,r,c)*x[g][c].
func ternaryTileGeneric(groups int, w *byte, x *int8, offset, dst *int32, _ int) {
	sums := (*[blockRows]int32)(unsafe.Pointer(dst))
	for r := range sums {
		sums[r] = *offset
	}
	xs := unsafe.Slice((*[groupCols]int8)(unsafe.Pointer(x)), groups)
	for g, codes := range unsafe.Slice((*[blockRows][4]byte)(unsafe.Pointer(w)), groups) {
		in := &xs[g]
		for r := range sums {
			s := int32(0)
			for j, c := range codes[r] {
				s += int32(c&3)*int32(in[j]) + int32(c>>2&3)*int32(in[4+j])
				s += int32(c>>4&3)*int32(in[8+j]) + int32(c>>6)*int32(in[12+j])
			}
			sums[r] += s
		}
	}
}

// int8TileGeneric is ternaryTileGeneric for weights of a byte each.
func int8TileGeneric(groups int, w *byte, x *int8, offset, dst *int32, _ int) {
	sums := (*[blockRows]int32)(unsafe.Pointer(dst))
	for r := range sums {
		sums[r] = *offset
	}
	xs := unsafe.Slice((*[4]int8)(unsafe.Pointer(x)), 4*groups)
	for g, weights := range unsafe.Slice((*[blockRows][4]byte)(unsafe.Pointer(w)), 4*groups) {
		in := &xs[g]
		for r := range sums {
			for j, v := range weights[r] {
				sums[r] += int32(v) * int32(in[j])
			}
		}
	}
}

// int4TileGeneric is ternaryTileGeneric for codes of 4 bits.
func int4TileGeneric(groups int, w *byte, x *int8, offset, dst *int32, _ int) {
	sums := (*[blockRows]int32)(unsafe.Pointer(dst))
	for r := range sums {
		sums[r] = *offset
	}
	xs := unsafe.Slice((*[8]int8)(unsafe.Pointer(x)), 2*groups)
	for g, codes := range unsafe.Slice((*[blockRows][4]byte)(unsafe.Pointer(w)), 2*groups) {
		in := &xs[g]
		for r := range sums {
			for j, c := range codes[r] {
				sums[r] += int32(c&15)*int32(in[j]) + int32(c>>4)*int32(in[4+j])
			}
		}
	}
}

// addScaledGeneric adds float32(x)*factor*scale to dst, each product and each sum rounded: the
// conversions keep them from being one operation, as they are on some machines.
func addScaledGeneric(dst []float32, x []int32, factor float32, scale []uint16) {
	for i, v := range x {
		product := float32(float32(v) * factor)
		product = float32(product * float16.FromBits(scale[i]))
		dst[i] += product
	}
}

// widenTritsGeneric is tritsWiden of packing.
func widenTritsGeneric(dst, block []byte) {
	clear(dst)
	for at, b := range block {
		line, lane := at/lineBytes, at%lineBytes
		for i := range 5 {
			v := 3 * int(b)
			quad := 5*line + i
			dst[quad/4*lineBytes+lane] |= byte(v>>8) << (quad % 4 * 2)
			b = byte(v)
		}
	}
}
