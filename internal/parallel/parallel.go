// Package parallel splits loops over a few long-lived workers. For splits in a way that
// depends only on the length and the number of threads, so results that are summed
// inside a range are the same from run to run.
package parallel

import (
	"runtime"
	"sync/atomic"
)

var threads atomic.Int32

// SetThreads sets how many threads a loop is split over; below 1 means one for each
// processor.
func SetThreads(n int) { threads.Store(int32(n)) }

// Threads is the number of threads that a loop is split over.
func Threads() int {
	if n := int(threads.Load()); n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// For calls body on disjoint ranges [lo,hi) that cover [0,n), at the same time where
// several threads are set, and returns when all are done. No range but the last is
// shorter than grain, so that small loops stay on the caller's goroutine.
func For(n, grain int, body func(lo, hi int)) {
	split(n, min(Threads(), n/max(grain, 1)), body)
}

// chunksPerThread makes the ranges of Chunks small enough that a thread which loses its
// core for a while holds up little.
const chunksPerThread = 32

// Chunks is For with more ranges than threads, so that one which is free takes over from
// another: for loops whose results do not depend on where they are cut.
func Chunks(n, grain int, body func(lo, hi int)) {
	if Threads() == 1 {
		split(n, 1, body)
		return
	}
	split(n, min(chunksPerThread*Threads(), n/max(grain, 1)), body)
}

func split(n, parts int, body func(lo, hi int)) {
	if parts <= 1 {
		if n > 0 {
			body(0, n)
		}
		return
	}
	threads := min(parts, Threads())
	run(&job{n: n, parts: parts, body: body, stretches: make([]stretch, threads)}, threads-1)
}
