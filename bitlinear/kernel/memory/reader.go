package memory

import (
	"sync/atomic"
	"unsafe"

	"trit/internal/parallel"
)

// Reader reads memory as the product of a token reads weights, to measure the speed that memory
// allows.
type Reader struct {
	words []uint64
	sum   atomic.Uint64 // a result, so that the compiler leaves out no read
}

// NewReader makes a reader of n bytes, a multiple of 8.
func NewReader(n int) *Reader {
	data := Allocate(n)
	for i := range data {
		data[i] = 1 // touched, or all pages would be one
	}
	return &Reader{words: unsafe.Slice((*uint64)(unsafe.Pointer(&data[0])), n/8)}
}

// Read reads all of the memory once, in four streams on every thread, and returns its size in
// bytes.
func (r *Reader) Read(pool *parallel.Pool) (bytes int) {
	pool.For(pool.Threads(), 1, func(lo, hi int) {
		part := r.words[len(r.words)*lo/pool.Threads() : len(r.words)*hi/pool.Threads()]
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
