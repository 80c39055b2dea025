package gemm

import (
	"fmt"
	"sync"

	"trit/internal/parallel"
)

// One pass takes passK values of k, so that a panel of B (48 kB) and a panel of A (12 kB) stay in
// the caches of a core. It packs passM rows of A and passN columns of B.
const (
	tileRows = 8
	tileCols = 32
	passK    = 384
	passM    = 128
	passN    = 512
)

// Mul computes C (+)= op(A) op(B) for row-major float32 matrices: C is [m,n], op(A)
// is [m,k] and op(B) is [k,n]; a transposed operand is stored as its transpose.
// Each element is summed in the order of k whatever tile it is in, so the number of
// threads does not change a bit.
func Mul(pool *parallel.Pool, transA, transB bool, m, n, k int, a, b, c []float32, accumulate bool) {
	lda, ldb := k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	p := newPlain(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	defer p.release()
	p.run(pool)
}

// MulOneThread is Mul on the caller's goroutine, for callers that split the work themselves.
// Operands may be columns of wider matrices: lda and ldb are the distances of their stored rows.
func MulOneThread(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32,
	accumulate bool) {
	p := newPlain(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	defer p.release()
	p.rows(0, m)
}

// plain is a product whose right side and result are one part each. plainPool keeps them, since a
// step of training has thousands.
type plain struct {
	product
	right [1]Rows
	parts [1][]float32
}

var plainPool = sync.Pool{New: func() any { return new(plain) }}

func (p *plain) release() {
	*p = plain{}
	plainPool.Put(p)
}

func newPlain(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32,
	accumulate bool) *plain {
	left, stored := newMatrix(a, lda, transA), newMatrix(b, ldb, transB)
	if len(a) < left.size(m, k) || len(b) < stored.size(k, n) || len(c) < m*n {
		panic(fmt.Sprintf("gemm: product of [%d,%d] by [%d,%d]: the slices hold %d, %d and %d values",
			m, k, k, n, len(a), len(b), len(c)))
	}
	p := plainPool.Get().(*plain)
	p.right[0], p.parts[0] = Rows{Count: k, F32: b}, c[:m*n]
	if transB {
		p.right[0].Count = n
	}
	p.product = product{
		a: left, b: right{p.right[:], ldb, transB}, c: result{parts: p.parts[:], ld: n, accumulate: accumulate},
		m: m, n: n, k: k,
	}
	return p
}

// matrix is a view of values: element (i,j) is data[i*row+j*col].
type matrix struct {
	data       []float32
	row, col   int
	transposed bool
}

// newMatrix is a view of rows ld apart, or of their transpose.
func newMatrix(data []float32, ld int, transposed bool) matrix {
	if transposed {
		return matrix{data: data, row: 1, col: ld, transposed: true}
	}
	return matrix{data: data, row: ld, col: 1}
}

// size is the number of values from the first to the last element of a matrix.
func (m matrix) size(rows, cols int) int { return (rows-1)*m.row + (cols-1)*m.col + 1 }

// product is c [m,n] = a [m,k] b [k,n].
type product struct {
	a       matrix
	left    *Panels // stored as a is, and instead of it, if it is not nil
	b       right
	c       result
	m, n, k int
}

// panels are the copies of one thread.
type panels struct {
	a    [passM * passK]float32
	b    [passN * passK]float32
	tile [tileRows * tileCols]float32
}

var panelPool = sync.Pool{New: func() any { return new(panels) }}

// rows computes the rows [lo,hi) of C.
func (g *product) rows(lo, hi int) {
	p := panelPool.Get().(*panels)
	defer panelPool.Put(p)
	for j := 0; j < g.n; j += passN {
		width := min(passN, g.n-j)
		for k := 0; k < g.k; k += passK {
			depth := min(passK, g.k-k)
			g.b.pack(p.b[:], k, depth, j, width)
			for i := lo; i < hi; i += passM {
				height := min(passM, hi-i)
				g.a.pack(p.a[:], i, k, height, depth)
				g.tiles(p, i, j, height, width, depth, g.c.accumulate || k > 0)
			}
		}
	}
}

// tiles computes the tiles of C from (i,j) on, height by width, out of the panels.
func (g *product) tiles(p *panels, i, j, height, width, depth int, accumulate bool) {
	for jj := 0; jj < width; jj += tileCols {
		b := &p.b[jj*depth]
		for ii := 0; ii < height; ii += tileRows {
			rows, cols := min(tileRows, height-ii), min(tileCols, width-jj)
			c := g.c.rowsFrom(i + ii)
			if rows == tileRows && cols == tileCols && g.c.factor == nil && ceil(len(c), g.c.ld) >= tileRows {
				chosen.tile(depth, &p.a[ii*depth], b, &c[j+jj], g.c.ld, accumulate)
				continue
			}
			chosen.tile(depth, &p.a[ii*depth], b, &p.tile[0], tileCols, false)
			g.c.store(p.tile[:], i+ii, j+jj, rows, cols, accumulate)
		}
	}
}

// run computes the product in float32.
func (g *product) run(pool *parallel.Pool) {
	// Less than about 2^18 multiplications are not worth another thread.
	grain := max(1, 1<<18/max(g.n*g.k, 1)/tileRows)
	pool.For(ceil(g.m, tileRows), grain, func(lo, hi int) {
		g.rows(lo*tileRows, min(hi*tileRows, g.m))
	})
}
