// Package parallel splits loops over a fixed number of workers. The split depends
// only on the length and the number of threads, so results that are summed inside a
// range are the same from run to run.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

var threads atomic.Int32

// SetThreads sets how many goroutines a loop is split over; below 1 means one for
// each processor.
func SetThreads(n int) { threads.Store(int32(n)) }

// Threads is the number of goroutines that a loop is split over.
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
	parts := min(Threads(), n/max(grain, 1))
	if parts <= 1 {
		if n > 0 {
			body(0, n)
		}
		return
	}
	var wg sync.WaitGroup
	wg.Add(parts - 1)
	for p := 1; p < parts; p++ {
		go func() {
			defer wg.Done()
			body(n*p/parts, n*(p+1)/parts)
		}()
	}
	body(0, n/parts)
	wg.Wait()
}
