package gemm

import (
	"sync"

	"trit/internal/parallel"
)

// One pass takes up to bf16Depth values of k. Up to PackedValues values of B are packed for it. Each thread
// packs bf16Values values of A, which stay in its second-level cache, and multiplies them by all
// columns. bf16Chunk steps of 32 columns stay in the first-level cache. A strip has up to bf16StripValues of B.
const (
	bf16Step        = 32
	bf16Tile        = 32
	bf16Chunk       = 8
	bf16Depth       = 2048
	bf16Rows        = 512
	bf16Values      = 1 << 19
	bf16StripValues = 3 << 17
	// Bytes of a panel of A and of a block of B, for a step.
	bf16PanelBytes = 2 * bf16Tile * bf16Step
	bf16BlockBytes = bf16PanelBytes / 2
)

// bf16Work is the working memory of a thread: panels of A, and sums [rows][32].
type bf16Work struct {
	sums [bf16Rows * bf16Tile]float32 // first, so that no row of a tile crosses a line of the cache
	lines
}

func newBF16Work() any { return &bf16Work{lines: lines{data: make([]byte, 2*bf16Values)}} }

// bf16Right is columns of B, [blocks][steps][16 pairs][16 columns][2].
type bf16Right struct {
	b           []byte
	first, cols int
}

var (
	bf16RightPool = sync.Pool{New: func() any { return new(bf16Right) }}
	bf16WorkPool  = sync.Pool{New: newBF16Work}
)

// bf16 computes the product in bfloat16.
func (g *product) bf16(pool *parallel.Pool) {
	s := bf16RightPool.Get().(*bf16Right)
	defer bf16RightPool.Put(s)
	full := bf16Pass(g.k)
	width := PackedValues / full / bf16Tile * bf16Tile
	for s.first = 0; s.first < g.n; s.first += width {
		s.cols = min(width, g.n-s.first)
		for k := 0; k < g.k; k += full {
			g.bf16Part(pool, s, k, full)
		}
	}
}

// bf16Part computes the columns of s for the values of a pass that begins with k.
func (g *product) bf16Part(pool *parallel.Pool, s *bf16Right, k, pass int) {
	depth := min(pass, g.k-k)
	s.reserve(depth)
	grain := max(1, 1<<16/(bf16Step*s.cols))
	pool.Chunks(ceil(depth, bf16Step), grain, func(lo, hi int) { s.pack(&g.b, k, depth, lo, hi) })
	grid := bf16Grid(g.m, s.cols, pass, pool.Threads())
	grain = 1 + 1<<20/(grid.rows*grid.cols*depth)
	pool.Chunks(grid.count(g.m, s.cols), grain, func(lo, hi int) { g.bf16Areas(s, grid, lo, hi, k, depth) })
}

// bf16Strips computes a product of few rows, whose left side is panels, strip by strip of columns.
func (g *product) bf16Strips(pool *parallel.Pool) {
	pass := bf16Pass(g.k)
	width := bf16StripWidth(g.n, pass, pool.Threads())
	pool.Chunks(ceil(g.n, width), 1, func(lo, hi int) {
		s, w := bf16RightPool.Get().(*bf16Right), bf16WorkPool.Get().(*bf16Work)
		defer bf16RightPool.Put(s)
		defer bf16WorkPool.Put(w)
		for ; lo < hi; lo++ {
			s.first = lo * width
			s.cols = min(width, g.n-s.first)
			g.bf16Strip(w, s, pass)
		}
	})
}

// bf16StripWidth is the number of columns of a strip, whose values of a pass stay in the second-level cache.
func bf16StripWidth(n, pass, threads int) int {
	most := max(bf16Tile, bf16StripValues/pass/bf16Tile*bf16Tile)
	strips := ceil(ceil(n, most), threads) * threads
	return max(bf16Tile, ceil(ceil(n, strips), bf16Tile)*bf16Tile)
}

// bf16Strip computes the columns of s.
func (g *product) bf16Strip(w *bf16Work, s *bf16Right, pass int) {
	rows := min(bf16Rows, max(bf16Tile, bf16Values/pass/bf16Tile*bf16Tile))
	for k := 0; k < g.k; k += pass {
		depth := min(pass, g.k-k)
		s.reserve(depth)
		s.pack(&g.b, k, depth, 0, ceil(depth, bf16Step))
		for i := 0; i < g.m; i += rows {
			g.bf16Area(w, s, area{i, 0, min(rows, g.m-i), s.cols}, k, depth)
		}
	}
}

// bf16Areas computes the areas [lo,hi) of the grid for the values [k,k+depth).
func (g *product) bf16Areas(s *bf16Right, grid grid, lo, hi, k, depth int) {
	w := bf16WorkPool.Get().(*bf16Work)
	defer bf16WorkPool.Put(w)
	for ; lo < hi; lo++ {
		g.bf16Area(w, s, grid.area(lo, g.m, s.cols), k, depth)
	}
}

// bf16Pass is the number of values of a pass, about the same for all passes.
func bf16Pass(k int) int {
	const chunk = bf16Chunk * bf16Step
	return ceil(ceil(k, ceil(k, bf16Depth)), chunk) * chunk
}

// bf16Area computes an area of C for the values [k,k+depth).
func (g *product) bf16Area(w *bf16Work, s *bf16Right, r area, k, depth int) {
	a := panelsAt{&w.lines, 0, 0}
	if g.left != nil && !g.a.transposed {
		a = panelsAt{&g.left.lines, r.row, k / bf16Step}
	} else {
		w.pack(g, r.row, r.rows, k, depth)
	}
	for j := r.col; j < r.col+r.cols; j += bf16Tile {
		w.multiply(a, s, r.rows, j/bf16Tile, ceil(depth, bf16Step))
		g.c.store(w.sums[:], r.row, s.first+j, r.rows, min(bf16Tile, s.cols-j), g.c.accumulate || k > 0)
	}
}

// panelsAt are panels from a row and a step on, the first ones of a panel and of a chunk.
type panelsAt struct {
	*lines
	row, step int
}

// grid divides columns of C into areas, whose sizes are multiples of a tile but for the last.
type grid struct{ rows, cols int }

// area is a range of rows and columns of C.
type area struct{ row, col, rows, cols int }

// bf16Grid divides m rows and n columns so that each thread has about the same work. If there are fewer areas of rows
// than threads, they are divided by columns too, although each area then packs the rows again.
func bf16Grid(m, n, depth, threads int) grid {
	most := min(bf16Rows, bf16Values/depth/bf16Tile*bf16Tile)
	parts := ceil(ceil(m, most), threads) * threads
	rows := min(most, max(4*bf16Tile, ceil(ceil(m, parts), bf16Tile)*bf16Tile))
	across := max(1, threads/ceil(m, rows))
	return grid{rows, ceil(ceil(n, across), bf16Tile) * bf16Tile}
}

func (g grid) count(m, n int) int { return ceil(m, g.rows) * ceil(n, g.cols) }

// area returns area i of C [m,n].
func (g grid) area(i, m, n int) area {
	across := ceil(n, g.cols)
	row, col := i/across*g.rows, i%across*g.cols
	return area{row, col, min(g.rows, m-row), min(g.cols, n-col)}
}

// multiply fills sums [rows][32] of two blocks of B.
func (w *bf16Work) multiply(a panelsAt, s *bf16Right, rows, pair, steps int) {
	panels := ceil(rows, bf16Tile)
	b := s.b[2*pair*steps*bf16BlockBytes:]
	for at := 0; at < steps; at += bf16Chunk {
		n := min(bf16Chunk, steps-at)
		next := at + n
		if next == steps {
			next = min(2*steps, len(b)/bf16BlockBytes-1) // the next pair, behind this one
		}
		chosenBF16.tiles(panels, n, &b[at*bf16BlockBytes], steps*bf16BlockBytes,
			&a.data[a.at(a.row, a.step+at)], n*bf16PanelBytes, &w.sums[0], at, &b[next*bf16BlockBytes])
	}
}
