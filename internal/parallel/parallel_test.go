package parallel

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestForCoversEachIndexOnce(t *testing.T) {
	for threads := 1; threads <= 5; threads++ {
		pool := New(threads)
		for n := range 40 {
			seen := make([]int, n)
			pool.For(n, 3, func(lo, hi int) {
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
	pool := New(3)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for round := range 300 {
				var sum atomic.Int64
				pool.Chunks(20, 1, func(lo, hi int) {
					pool.For(hi-lo, 1, func(l, h int) {
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

func TestThreads(t *testing.T) {
	processors := runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		pool *Pool
		want int
	}{{nil, processors}, {New(0), processors}, {New(-1), processors}, {New(1), 1}, {New(7), 7}} {
		if got := c.pool.Threads(); got != c.want {
			t.Errorf("%v has %d threads, want %d", c.pool, got, c.want)
		}
	}
}

// TestForSplitsByThreads: the ranges of a loop decide bits, so they may not change.
func TestForSplitsByThreads(t *testing.T) {
	var mu sync.Mutex
	var ranges [][2]int
	New(3).For(100, 20, func(lo, hi int) {
		mu.Lock()
		defer mu.Unlock()
		ranges = append(ranges, [2]int{lo, hi})
	})
	slices.SortFunc(ranges, func(a, b [2]int) int { return a[0] - b[0] })
	if want := [][2]int{{0, 33}, {33, 66}, {66, 100}}; !slices.Equal(ranges, want) {
		t.Errorf("the ranges are %v, want %v", ranges, want)
	}
}
