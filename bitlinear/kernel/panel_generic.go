package kernel

import (
	"unsafe"

	"trit/internal/float16"
)

var genericPanels = panelSet{
	name: "generic",
	f32:  genericTiles(func(dst, x []float32) { copy(dst, x) }),
	f16:  genericTiles(widenF16Generic),
	int8: genericTiles(widenInt8Generic),
}

func genericTiles[T Element](widen func(dst []float32, x []T)) []panelTile[T] {
	return []panelTile[T]{{4, panelGeneric[T](4, widen)}, {1, panelGeneric[T](1, widen)}}
}

// panelGeneric is a tile of up to four rows: dst[r*ldc+j] = sum over p < k of
// a[r*lda+p]*b[p*32+j], p in order.
func panelGeneric[T Element](rows int, widen func(dst []float32, x []T)) func(k int, a *float32, lda int, b *T, dst *float32, ldc int) {
	return func(k int, a *float32, lda int, b *T, dst *float32, ldc int) {
		as, bs := unsafe.Slice(a, (rows-1)*lda+k), unsafe.Slice(b, k*PanelCols)
		var sums [4][PanelCols]float32
		var columns [PanelCols]float32
		for p := range k {
			widen(columns[:], bs[p*PanelCols:][:PanelCols])
			for r := range rows {
				x, sum := as[r*lda+p], &sums[r]
				for j, c := range columns {
					sum[j] += x * c
				}
			}
		}
		out := unsafe.Slice(dst, (rows-1)*ldc+PanelCols)
		for r := range rows {
			copy(out[r*ldc:], sums[r][:])
		}
	}
}

func widenF16Generic(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = float16.FromBits(v)
	}
}

func widenInt8Generic(dst []float32, x []int8) {
	for i, v := range x {
		dst[i] = float32(v)
	}
}

func narrowF16Generic(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = float16.Bits(v)
	}
}

func rotateGeneric(x, y, cos, sin []float32) {
	for i, u := range x {
		v, c, s := y[i], cos[i], sin[i]
		// The conversions keep the compiler from fusing a product with the sum.
		x[i], y[i] = float32(u*c)-float32(v*s), float32(v*c)+float32(u*s)
	}
}
