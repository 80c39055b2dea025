// Package parallel splits loops over a few long-lived workers. Pool.For splits in a way that
// depends only on the length and the number of threads, so results that are summed
// inside a range are the same from run to run.
package parallel

import "runtime"

// Pool splits loops over a number of threads. A model, a trainer or a conversion holds one, and
// all its loops run on it. A nil Pool has a thread for each processor. Pools share their idle
// workers, so there is nothing to close, and one costs no more than its number.
type Pool struct{ threads int }

// New returns a pool of n threads; below 1 it has one for each processor.
func New(n int) *Pool { return &Pool{n} }

// OneThread runs loops on the caller's goroutine.
var OneThread = New(1)

// Threads is the number of threads that a loop is split over.
func (p *Pool) Threads() int {
	if p == nil || p.threads < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return p.threads
}

// For calls body on disjoint ranges [lo,hi) that cover [0,n), on the threads of the pool, and
// returns when all calls have returned. No range but the last is shorter than grain, so that
// small loops stay on the caller's goroutine.
func (p *Pool) For(n, grain int, body func(lo, hi int)) {
	threads := p.Threads()
	split(n, min(threads, n/max(grain, 1)), threads, body)
}

// chunksPerThread makes the ranges of Chunks small enough that a thread which loses its
// core for a while holds up little.
const chunksPerThread = 32

// Chunks is For with more ranges than threads, so that a free thread takes ranges from a busy
// one. The results of the loop must not depend on how it is cut.
func (p *Pool) Chunks(n, grain int, body func(lo, hi int)) {
	threads := p.Threads()
	if threads == 1 {
		split(n, 1, 1, body)
		return
	}
	split(n, min(chunksPerThread*threads, n/max(grain, 1)), threads, body)
}

// split cuts a loop into parts, which a number of threads share.
func split(n, parts, threads int, body func(lo, hi int)) {
	if parts <= 1 {
		if n > 0 {
			body(0, n)
		}
		return
	}
	threads = min(parts, threads)
	run(&job{n: n, parts: parts, body: body, stretches: make([]stretch, threads)}, threads-1)
}
