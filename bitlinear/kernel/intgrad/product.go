package intgrad

import (
	"sync"

	"trit/bitlinear/kernel/memory"
	"trit/internal/parallel"
)

// A thread multiplies areaBytes of the left operand, at most areaRows rows, which stay in its second-level cache, by
// all columns. Up to rightBytes of the right operand are packed at a time.
const (
	areaBytes  = 1 << 20
	areaRows   = 512
	rightBytes = 1 << 24
)

// product is a result [m,n], the sum over so many steps.
type product struct {
	m, n, steps int
	tiles       tiles
	// left gives panels with some rows from one on, and the place of that row in them.
	left  func(w *work, row, rows int) (p *panels, first int)
	right func(r *right, lo, hi int) // packs the steps [lo,hi)
	out   output
}

// work is the working memory of a thread.
type work struct {
	sums [areaRows * tileCols]int32 // first, so that no row of a tile crosses a line of the cache
	panels
}

// right is columns of the right operand, from first on: [blocks][steps][16][16 columns][4].
type right struct {
	data                []byte
	first, width, steps int
}

var (
	workPool  = sync.Pool{New: func() any { return new(work) }}
	rightPool = sync.Pool{New: func() any { return new(right) }}
)

// block is step of block i.
func (r *right) block(i, step int) *byte { return &r.data[(i*r.steps+step)*blockStep] }

// after is step of block i, or if that was the last one, the beginning of the next pair of blocks.
func (r *right) after(i, step int) *byte {
	if step == r.steps {
		i, step = min(i+2, len(r.data)/r.size()-2), 0
	}
	return r.block(i, step)
}

// size is the bytes of a block.
func (r *right) size() int { return r.steps * blockStep }

// reserve makes room for whole groups of four blocks.
func (r *right) reserve() {
	size := ceil(r.width, stepCols) * stepCols / blockCols * r.size()
	if cap(r.data) < size {
		r.data = memory.Make[byte](size)
	}
	r.data = r.data[:size]
}

// clear makes 16 values of a step of all columns zero, from those of the first block on.
func (r *right) clear(to []byte) {
	for b := range ceil(r.width, blockCols) {
		clear(to[b*r.size():][:blockCols*blockCols])
	}
}

// Memory is about the bytes that the products of a gradient [m,n] of weights [n,k] take beside operands and results.
func Memory(m, n, k int64, threads int) int64 {
	return m*n + min(k*max(m, n), rightBytes) + int64(threads)*(areaBytes+4*areaRows*tileCols+4*n)
}

// run computes the product on the threads of a pool.
func (p *product) run(pool *parallel.Pool) {
	r := rightPool.Get().(*right)
	defer rightPool.Put(r)
	width := max(stepCols, rightBytes/(p.steps*stepCols)/stepCols*stepCols)
	for r.first, r.steps = 0, p.steps; r.first < p.n; r.first += width {
		r.width = min(width, p.n-r.first)
		r.reserve()
		pool.Chunks(p.steps, max(1, 1<<15/(stepCols*r.width)), func(lo, hi int) { p.right(r, lo, hi) })
		rows, cols := p.area(r.width, pool.Threads())
		across := ceil(r.width, cols)
		grain := 1 + 1<<21/(rows*cols*p.steps*stepCols)
		pool.Chunks(ceil(p.m, rows)*across, grain, func(lo, hi int) {
			w := workPool.Get().(*work)
			defer workPool.Put(w)
			for ; lo < hi; lo++ {
				row, col := lo/across*rows, lo%across*cols
				p.multiply(w, r, row, min(rows, p.m-row), col, min(cols, r.width-col))
			}
		})
	}
}

// area is the size of the parts that a result of a width is divided into, so that each thread has about the same work.
// If there are fewer areas of rows than threads, they are divided by columns too, although the left operand may then be
// packed once for each.
func (p *product) area(width, threads int) (rows, cols int) {
	most := min(areaRows, max(tileRows, areaBytes/(p.steps*panelStep)*tileRows))
	parts := ceil(ceil(p.m, most), threads) * threads
	rows = min(most, max(4*tileRows, ceil(ceil(p.m, parts), tileRows)*tileRows))
	across := max(1, threads/ceil(p.m, rows))
	return rows, ceil(ceil(width, across), tileCols) * tileCols
}

// multiply computes an area of the result.
func (p *product) multiply(w *work, r *right, row, rows, col, cols int) {
	left, at := p.left(w, row, rows)
	count := ceil(rows, tileRows)
	for j := col; j < col+cols; j += tileCols {
		for s := 0; s < p.steps; s += chunk {
			n := min(chunk, p.steps-s)
			p.tiles.run(count, n, r.block(j/blockCols, s), r.size(), &left.data[left.at(at, s)], n*panelStep, &w.sums[0], s,
				r.after(j/blockCols, s+n))
		}
		p.out.write(w.sums[:], row, rows, r.first+j, min(tileCols, col+cols-j))
	}
}
