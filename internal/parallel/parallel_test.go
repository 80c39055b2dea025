package parallel

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestForCoversEachIndexOnce(t *testing.T) {
	defer SetThreads(0)
	for threads := 1; threads <= 5; threads++ {
		SetThreads(threads)
		for n := range 40 {
			seen := make([]int, n)
			For(n, 3, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					seen[i]++
				}
			})
			for i, c := range seen {
				if c != 1 {
					t.Fatalf("%d threads, n %d: index %d was visited %d times", threads, n, i, c)
				}
			}
		}
	}
}

// TestLoopsWithinAndBesideLoops runs loops inside of loops from several goroutines, so
// that workers are hired, sleep, and come too late.
func TestLoopsWithinAndBesideLoops(t *testing.T) {
	defer SetThreads(0)
	SetThreads(3)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for round := range 300 {
				var sum atomic.Int64
				Chunks(20, 1, func(lo, hi int) {
					For(hi-lo, 1, func(l, h int) {
						for i := lo + l; i < lo+h; i++ {
							sum.Add(int64(i))
						}
					})
				})
				if sum.Load() != 190 {
					t.Errorf("round %d: sum %d, want 190", round, sum.Load())
					return
				}
			}
		})
	}
	callers.Wait()
}
