package intmul

import (
	"trit/bitlinear/kernel/amx"
	"trit/internal/parallel"
)

// RunTiles measures the speed that the instructions alone allow. On every thread it multiplies two
// blocks of ternary weights by the largest number of tokens that go together, n times, on operands
// that stay in the first-level cache. It returns the number of operations, a multiplication and an
// addition counted as two.
func RunTiles(pool *parallel.Pool, n int) (operations int) {
	const k, rows = 640, 2 * blockRows
	t := chosen.ternary[0]
	tokens := t.tokens
	if chosen.amx {
		tokens = amx.PanelRows
	}
	threads := pool.Threads()
	pool.For(threads, 1, func(lo, hi int) {
		w, x := make([]byte, rows*k), make([]int8, tokens*k)
		offset, out := make([]int32, tokens), make([]int32, tokens*rows)
		p := panel{tile: t, x: x, offset: offset}
		for range n * (hi - lo) {
			if chosen.amx {
				amx.Panels(1, k/amx.StepBytes, &w[0], blockRows*k, &x[0], 0, &out[0], 0)
				continue
			}
			p.run(k/groupCols, 0, w, &out[0], blockRows)
			p.run(k/groupCols, 0, w, &out[0], blockRows)
		}
	})
	return 2 * n * threads * tokens * rows * k
}
