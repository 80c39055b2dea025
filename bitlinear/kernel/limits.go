package kernel

import (
	"sync/atomic"
	"unsafe"

	"trit/internal/parallel"
)

// RunTiles runs the largest tile on every thread, n times, on operands that stay in the
// first cache, and returns the operations done, a multiplication and an addition counted
// as two: for the speed that the instructions alone allow.
func RunTiles(n int) (operations int) {
	const k, rows = 640, 2 * blockRows
	t := ternaryTiles[0]
	parallel.For(parallel.Threads(), 1, func(lo, hi int) {
		w, x := make([]byte, rows*k), make([]int8, t.tokens*k)
		offset, out := make([]int32, t.tokens), make([]int32, t.tokens*rows)
		p := panel{tile: t, x: x, offset: offset}
		for range n * (hi - lo) {
			if t.amx {
				amxTiles(1, k/amxColumns, &w[0], blockRows*k, &x[0], 0, &out[0], 0, &amxConfigs[amxHalf])
				continue
			}
			p.run(k/groupCols, w, &out[0], blockRows)
			p.run(k/groupCols, w, &out[0], blockRows)
		}
	})
	return 2 * n * parallel.Threads() * t.tokens * rows * k
}

// MemoryReader reads memory as the product of a token reads weights.
type MemoryReader struct {
	words []uint64
	sum   atomic.Uint64 // so that no read can be left out
}

// NewMemoryReader makes one of so many bytes.
func NewMemoryReader(bytes int) *MemoryReader {
	data := allocate(bytes)
	for i := range data {
		data[i] = 1 // touched, or all pages would be one
	}
	return &MemoryReader{words: unsafe.Slice((*uint64)(unsafe.Pointer(&data[0])), bytes/8)}
}

// Read reads all of it once, on every thread in four streams, and returns the bytes.
func (r *MemoryReader) Read() (bytes int) {
	parallel.For(parallel.Threads(), 1, func(lo, hi int) {
		part := r.words[len(r.words)*lo/parallel.Threads() : len(r.words)*hi/parallel.Threads()]
		n := len(part) / 4
		a, b, c, d := part[:n], part[n:2*n], part[2*n:3*n], part[3*n:4*n]
		var sum uint64
		for i, v := range a {
			sum += v ^ b[i] ^ c[i] ^ d[i]
		}
		r.sum.Add(sum)
	})
	return 8 * len(r.words)
}
