// Package attention multiplies rows of queries, or of probabilities, by keys and values as the
// cache of attention holds them.
//
// A panel is a matrix [k][32] of elements that lie one after the other: keys [dim][32 positions],
// values [positions][32 dims]. A tile is what multiplies a few rows by a panel: every lane of a
// register is a column, so nothing is added across lanes, and an element of the panel is converted
// to float32 once for all rows of the tile.
//
// A tile is in plain Go (generic.go) or in assembly; dispatch_*.go choose by the instruction sets
// of the processor.
package attention

// PanelCols is the number of columns of a panel: a row in half precision fills one cache line.
const PanelCols = 32

// Element is what a panel holds: float32, half precision as its bits, or integers.
type Element interface{ float32 | uint16 | int8 }

// tile multiplies its number of rows by a panel; see tileGeneric for the loop.
type tile[T Element] struct {
	rows int
	run  func(k int, a *float32, lda int, b *T, dst *float32, ldc int)
}

// implementation is one way to compute the products. The tiles of an element type are sorted by
// their number of rows, the largest first; the last one has one row.
type implementation struct {
	name string
	f32  []tile[float32]
	f16  []tile[uint16]
	int8 []tile[int8]
}

// chosen is the implementation for this processor.
var chosen = implementations()[0]

// Kernel names the implementation that this processor runs, such as "avx512".
func Kernel() string { return chosen.name }

// MulPanelF32 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*panel[p*32+j] for each
// row r below rows and all columns j. Every sum is made in the order of p, so a row has
// the same bits whatever rows are beside it, and zeros at its end change nothing.
func MulPanelF32(rows, k int, a []float32, lda int, panel, dst []float32, ldc int) {
	mulPanel(chosen.f32, rows, k, a, lda, panel, dst, ldc)
}

// MulPanelF16 is MulPanelF32 for a panel in half precision, with the same bits.
func MulPanelF16(rows, k int, a []float32, lda int, panel []uint16, dst []float32, ldc int) {
	mulPanel(chosen.f16, rows, k, a, lda, panel, dst, ldc)
}

// MulPanelInt8 is MulPanelF32 for a panel of integers, with the same bits.
func MulPanelInt8(rows, k int, a []float32, lda int, panel []int8, dst []float32, ldc int) {
	mulPanel(chosen.int8, rows, k, a, lda, panel, dst, ldc)
}

func mulPanel[T Element](tiles []tile[T], rows, k int, a []float32, lda int, panel []T, dst []float32, ldc int) {
	if rows == 0 || k == 0 {
		for r := range rows {
			clear(dst[r*ldc:][:PanelCols])
		}
		return
	}
	_, _, _ = a[(rows-1)*lda+k-1], panel[k*PanelCols-1], dst[(rows-1)*ldc+PanelCols-1]
	r := 0
	for _, t := range tiles {
		for ; rows-r >= t.rows; r += t.rows {
			t.run(k, &a[r*lda], lda, &panel[0], &dst[r*ldc], ldc)
		}
	}
}
