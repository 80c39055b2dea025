package parallel

import "testing"

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
