// Package kernel holds the fast products: float32 matrix products for training, and
// int8 activations by ternary weights for inference. Integer products are bit-equal
// to bitlinear/quant; float products are the same bits for any number of threads.
package kernel

import (
	"fmt"
	"sync"

	"trit/internal/parallel"
)

// A product is made of tiles of C, tileRows by tileCols, from panels of op(A) and
// op(B) copied into the order in which the tile reads them. One pass takes blockK of
// the k range, so that a panel of B (48 kB) and one of A (12 kB) stay near the core.
const (
	tileRows = 8
	tileCols = 32
	blockK   = 384
	blockM   = 128
	blockN   = 512
)

// Gemm computes C (+)= op(A) op(B) for row-major float32 matrices: C is [m,n], op(A)
// is [m,k] and op(B) is [k,n]; a transposed operand is stored the other way round.
// Each element is summed in the order of k whatever the tile it falls into, so the
// number of threads does not change a bit.
func Gemm(transA, transB bool, m, n, k int, a, b, c []float32, accumulate bool) {
	lda, ldb := k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	GemmStrided(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
}

// GemmStrided is Gemm for operands that are columns of wider matrices: lda and ldb
// are the distances of their rows as stored.
func GemmStrided(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) {
	g := newGemm(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	// A thread is worth while from about 2^18 multiplications on.
	grain := max(1, 1<<18/max(n*k, 1)/tileRows)
	parallel.For((m+tileRows-1)/tileRows, grain, func(lo, hi int) {
		g.rows(lo*tileRows, min(hi*tileRows, m))
	})
}

// GemmOneThread is Gemm on the caller's goroutine, for callers that split the work.
func GemmOneThread(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) {
	g := newGemm(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	g.rows(0, m)
}

func newGemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) gemm {
	g := gemm{a: matrix{a, lda, 1}, b: matrix{b, ldb, 1}, c: c, n: n, k: k, accumulate: accumulate}
	if transA {
		g.a = matrix{a, 1, lda}
	}
	if transB {
		g.b = matrix{b, 1, ldb}
	}
	if len(a) < g.a.size(m, k) || len(b) < g.b.size(k, n) || len(c) < m*n {
		panic(fmt.Sprintf("kernel: Gemm of [%d,%d] by [%d,%d]: the slices hold %d, %d and %d values", m, k, k, n, len(a), len(b), len(c)))
	}
	return g
}

// matrix is a view of values: element (i,j) is data[i*row+j*col].
type matrix struct {
	data     []float32
	row, col int
}

// size is how many values a matrix of this many rows and columns reaches over.
func (m matrix) size(rows, cols int) int { return (rows-1)*m.row + (cols-1)*m.col + 1 }

type gemm struct {
	a, b       matrix
	c          []float32
	n, k       int
	accumulate bool
}

// panels are the copies of one thread.
type panels struct {
	a    [blockM * blockK]float32
	b    [blockN * blockK]float32
	tile [tileRows * tileCols]float32
}

var panelPool = sync.Pool{New: func() any { return new(panels) }}

// rows computes the rows [lo,hi) of C.
func (g *gemm) rows(lo, hi int) {
	p := panelPool.Get().(*panels)
	defer panelPool.Put(p)
	for j := 0; j < g.n; j += blockN {
		width := min(blockN, g.n-j)
		for k := 0; k < g.k; k += blockK {
			depth := min(blockK, g.k-k)
			packPanels(p.b[:], g.b.col, g.b.row, g.b.data[k*g.b.row+j*g.b.col:], width, depth, tileCols)
			for i := lo; i < hi; i += blockM {
				height := min(blockM, hi-i)
				packPanels(p.a[:], g.a.row, g.a.col, g.a.data[i*g.a.row+k*g.a.col:], height, depth, tileRows)
				g.block(p, i, j, height, width, depth, g.accumulate || k > 0)
			}
		}
	}
}

// block computes the tiles of C from (i,j) on, height by width, out of the panels.
func (g *gemm) block(p *panels, i, j, height, width, depth int, accumulate bool) {
	for jj := 0; jj < width; jj += tileCols {
		b := &p.b[jj*depth]
		for ii := 0; ii < height; ii += tileRows {
			c := g.c[(i+ii)*g.n+j+jj:]
			rows, cols := min(tileRows, height-ii), min(tileCols, width-jj)
			if rows == tileRows && cols == tileCols {
				gemmTile(depth, &p.a[ii*depth], b, &c[0], g.n, accumulate)
				continue
			}
			gemmTile(depth, &p.a[ii*depth], b, &p.tile[0], tileCols, false)
			storeEdge(c, p.tile[:], rows, cols, g.n, accumulate)
		}
	}
}

// storeEdge copies the part of a tile that lies inside C.
func storeEdge(c, tile []float32, rows, cols, n int, accumulate bool) {
	for r := range rows {
		dst, src := c[r*n:][:cols], tile[r*tileCols:][:cols]
		if !accumulate {
			copy(dst, src)
			continue
		}
		for i, v := range src {
			dst[i] += v
		}
	}
}

// packPanels copies count lines of depth values into panels of size lines each: panel
// by panel, value by value, line by line. The lines missing in the last panel are zero.
func packPanels(dst []float32, line, value int, src []float32, count, depth, size int) {
	for ; count > 0; count -= size {
		n := min(size, count)
		if n < size {
			clear(dst[:size*depth])
		}
		if line == 1 && n == tileCols {
			for v := range depth {
				*(*[tileCols]float32)(dst[v*size:]) = [tileCols]float32(src[v*value:])
			}
		} else if line == 1 {
			for v := range depth {
				copy(dst[v*size:][:n], src[v*value:])
			}
		} else {
			packLines(dst, line, src, n, depth, size)
		}
		dst = dst[size*depth:]
		if count > size {
			src = src[size*line:]
		}
	}
}

// packLines transposes n lines whose values lie side by side, four lines at a time.
func packLines(dst []float32, line int, src []float32, n, depth, size int) {
	l := 0
	for ; l+4 <= n; l += 4 {
		s0, s1, s2, s3 := src[l*line:][:depth], src[(l+1)*line:][:depth], src[(l+2)*line:][:depth], src[(l+3)*line:][:depth]
		for v, x := range s0 {
			d := dst[v*size+l:][:4]
			d[0], d[1], d[2], d[3] = x, s1[v], s2[v], s3[v]
		}
	}
	for ; l < n; l++ {
		for v, x := range src[l*line:][:depth] {
			dst[v*size+l] = x
		}
	}
}
