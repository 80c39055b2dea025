package gemm

import "unsafe"

// result is the left side of a product: C, in parts of rows that are ld values apart.
type result struct {
	parts      [][]float32
	ld         int
	factor     []float32
	accumulate bool
	late       bool // nothing reads it soon
}

// rowsFrom returns the rows of C from row i to the end of its part.
func (c *result) rowsFrom(i int) []float32 {
	at, j := i*c.ld, 0
	for ; at >= len(c.parts[j]); j++ {
		at -= len(c.parts[j])
	}
	return c.parts[j][at:]
}

// store writes the first cols columns of sums [rows][tileCols], times the factors of the rows, to
// the rows of C from i on and the columns from j on, or adds them.
func (c *result) store(sums []float32, i, j, rows, cols int, add bool) {
	for rows > 0 {
		dst := c.rowsFrom(i)
		n := min(rows, ceil(len(dst), c.ld))
		factor := ones[:n]
		if c.factor != nil {
			factor = c.factor[i:][:n]
		}
		if c.late && !add && canStream(dst[j:], c.ld, cols) {
			chosen.streamSums(n, &dst[j], c.ld, &sums[0], &factor[0])
		} else {
			storeSums(dst[j:], c.ld, sums, factor, cols, add)
		}
		sums, i, rows = sums[n*tileCols:], i+n, rows-n
	}
}

// canStream reports whether rows of a result may be written past the caches.
func canStream(dst []float32, width, cols int) bool {
	return chosen.streamSums != nil && cols == tileCols && width%16 == 0 && uintptr(unsafe.Pointer(&dst[0]))%64 == 0
}

// ones are the factors of rows that have none.
var ones = func() (list [bf16Rows]float32) {
	for i := range list {
		list[i] = 1
	}
	return list
}()

// storeSums writes dst[r*width+j] = sums[r*tileCols+j]*factor[r] for columns j below cols,
// or adds it to dst.
func storeSums(dst []float32, width int, sums, factor []float32, cols int, add bool) {
	_ = dst[(len(factor)-1)*width+cols-1]
	_ = sums[(len(factor)-1)*tileCols+cols-1]
	fast, plain := chosen.storeSums, storeSumsGeneric
	if add {
		fast, plain = chosen.addSums, addSumsGeneric
	}
	if cols == tileCols && fast != nil {
		fast(len(factor), &dst[0], width, &sums[0], &factor[0])
		return
	}
	plain(dst, width, sums, factor, cols)
}
