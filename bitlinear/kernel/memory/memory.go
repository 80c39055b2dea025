// Package memory holds weights in large pages, makes random ones, and reads memory as fast as it
// goes. A pass over a model reads all of its weights, so how they lie decides the speed of a token.
package memory

import "trit/internal/parallel"

// CopyWeights copies weights to memory in large pages, part by part; done is called with
// each part of the data that is not needed any more.
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
