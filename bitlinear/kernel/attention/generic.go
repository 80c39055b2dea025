package attention

import (
	"unsafe"

	"trit/bitlinear/kernel/vector"
)

// generic is the implementation in plain Go.
var generic = implementation{
	name: "generic",
	f32:  genericTiles(func(dst, x []float32) { copy(dst, x) }),
	f16:  genericTiles(vector.WidenF16),
	int8: genericTiles(vector.WidenInt8),
}

func genericTiles[T Element](widen func(dst []float32, x []T)) []tile[T] {
	return []tile[T]{{4, tileGeneric(4, widen)}, {1, tileGeneric(1, widen)}}
}

// tileGeneric makes a tile of up to four rows: dst[r*ldc+j] = sum over p < k of
// a[r*lda+p]*b[p*32+j], p in order.
func tileGeneric[T Element](rows int, widen func(dst []float32, x []T)) func(
	k int, a *float32, lda int, b *T, dst *float32, ldc int) {
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
