// Package memory holds weights in large pages, makes random weights, and reads memory as fast as
// possible. A pass over a model reads all of its weights, so their layout in memory decides the
// speed of a token.
package memory

import "trit/internal/parallel"

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
