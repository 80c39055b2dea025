package kernel

// PanelCols is how many columns a panel has, a matrix [k][32] of elements that lie one
// after the other: a row of half precision is one line of the cache.
const PanelCols = 32

// Element is what a panel holds: float32, half precision as its bits, or integers.
type Element interface{ float32 | uint16 | int8 }

// panelTile multiplies so many rows by a panel; see panelGeneric for the loop.
type panelTile[T Element] struct {
	rows int
	run  func(k int, a *float32, lda int, b *T, dst *float32, ldc int)
}

// panelSet is one way to compute what attention, its cache and RoPE need. The tiles
// begin with that of the most rows and end with that of one.
type panelSet struct {
	name      string
	f32       []panelTile[float32]
	f16       []panelTile[uint16]
	int8      []panelTile[int8]
	lanes     int // the functions below take multiples of it; 0: there are none
	widenF16  func(n int, dst *float32, x *uint16)
	widenInt8 func(n int, dst *float32, x *int8)
	narrowF16 func(n int, dst *uint16, x *float32)
	rotate    func(n int, x, y, cos, sin *float32)
}

var chosenPanels = panelSets()[0]

// whole is how many of n elements the vector functions take.
func (s *panelSet) whole(n int) int {
	if s.lanes == 0 {
		return 0
	}
	return n - n%s.lanes
}

// MulPanelF32 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*panel[p*32+j] for each
// of so many rows r and all columns j. Every sum is made in the order of p, so a row has
// the same bits whatever rows are beside it, and zeros at its end change nothing.
func MulPanelF32(rows, k int, a []float32, lda int, panel, dst []float32, ldc int) {
	mulPanel(chosenPanels.f32, rows, k, a, lda, panel, dst, ldc)
}

// MulPanelF16 is MulPanelF32 for a panel in half precision, with the same bits.
func MulPanelF16(rows, k int, a []float32, lda int, panel []uint16, dst []float32, ldc int) {
	mulPanel(chosenPanels.f16, rows, k, a, lda, panel, dst, ldc)
}

// MulPanelInt8 is MulPanelF32 for a panel of integers, with the same bits.
func MulPanelInt8(rows, k int, a []float32, lda int, panel []int8, dst []float32, ldc int) {
	mulPanel(chosenPanels.int8, rows, k, a, lda, panel, dst, ldc)
}

func mulPanel[T Element](tiles []panelTile[T], rows, k int, a []float32, lda int, panel []T, dst []float32, ldc int) {
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

// WidenF16 writes the values of half-precision numbers.
func WidenF16(dst []float32, x []uint16) {
	n := chosenPanels.whole(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosenPanels.widenF16(n, &dst[0], &x[0])
	}
	widenF16Generic(dst[n:], x[n:])
}

// WidenInt8 writes integers as float32.
func WidenInt8(dst []float32, x []int8) {
	n := chosenPanels.whole(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosenPanels.widenInt8(n, &dst[0], &x[0])
	}
	widenInt8Generic(dst[n:], x[n:])
}

// NarrowF16 rounds to half precision, to nearest and half to even.
func NarrowF16(dst []uint16, x []float32) {
	n := chosenPanels.whole(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosenPanels.narrowF16(n, &dst[0], &x[0])
	}
	narrowF16Generic(dst[n:], x[n:])
}

// Rotate replaces x[i], y[i] by x[i]*cos[i]-y[i]*sin[i], y[i]*cos[i]+x[i]*sin[i] over the
// length of x, each product and sum rounded by itself.
func Rotate(x, y, cos, sin []float32) {
	n := chosenPanels.whole(len(x))
	y, cos, sin = y[:len(x)], cos[:len(x)], sin[:len(x)]
	if n > 0 {
		chosenPanels.rotate(n, &x[0], &y[0], &cos[0], &sin[0])
	}
	rotateGeneric(x[n:], y[n:], cos[n:], sin[n:])
}
