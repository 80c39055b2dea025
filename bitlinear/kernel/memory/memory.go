// Package memory holds weights and what training keeps in large pages, makes random weights, and reads
// memory as fast as possible. A pass over a model reads all of its weights, so their layout in memory
// decides the speed of a token.
package memory

import (
	"sync"
	"unsafe"

	"trit/internal/parallel"
)

// Allocate makes n zero bytes for weights, in large pages if the system has them: a pass over a model
// reads all of its weights, and large pages are read 5 to 8 % faster. Matrices are often smaller than
// such a page, so they lie one behind another in chunks. A chunk lives as long as any of them.
func Allocate(n int) []byte {
	size := (n + lineBytes - 1) &^ (lineBytes - 1)
	if size >= chunkBytes {
		return Make[byte](n)
	}
	chunk.Lock()
	defer chunk.Unlock()
	if size > len(chunk.rest) {
		chunk.rest = Make[byte](chunkBytes)
	}
	piece := chunk.rest[:n:n]
	chunk.rest = chunk.rest[size:]
	return piece
}

// chunk is what is left of the last chunk.
var chunk struct {
	sync.Mutex
	rest []byte
}

const (
	chunkBytes = 64 << 20
	lineBytes  = 64 // of the cache: where matrices begin
)

// Make makes n zeros in large pages if the system has them. What is smaller than a large page lies
// beside others: see Slab.
func Make[T byte | int8 | uint16 | float32](n int) []T {
	data := make([]T, n)
	askLarge(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), n*int(unsafe.Sizeof(*new(T)))))
	return data
}

// Slab is zeros in large pages that are handed out one piece after another, so that pieces smaller
// than a page are in large pages too. A pass over them reads 30 GB/s where small pages give 12, on
// two threads of a Xeon: the processor fetches ahead within a page alone.
type Slab[T byte | int8 | uint16 | float32] struct{ rest []T }

// NewSlab makes a slab of n zeros.
func NewSlab[T byte | int8 | uint16 | float32](n int) *Slab[T] { return &Slab[T]{Make[T](n)} }

// Take returns the next n zeros, of which so many must be left.
func (s *Slab[T]) Take(n int) []T {
	piece := s.rest[:n:n]
	s.rest = s.rest[n:]
	return piece
}

// CopyWeights copies weights to memory in large pages, part by part. It calls done with each part
// of data after it is copied.
func CopyWeights(pool *parallel.Pool, data []byte, done func(part []byte)) []byte {
	const step = 32 << 20
	weights := Allocate(len(data))
	for at := 0; at < len(data); at += step {
		to, from := weights[at:], data[at:min(at+step, len(data))]
		pool.For(len(from), 1<<20, func(lo, hi int) { copy(to[lo:hi], from[lo:hi]) })
		done(from)
	}
	return weights
}
