// Package kernel holds the fast products: float32 matrix products for training, and
// int8 activations by ternary weights for inference. Integer products are bit-equal
// to bitlinear/quant; float products are the same bits for any number of threads.
package kernel

import (
	"fmt"
	"sync"
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
	g.run()
}

// GemmOneThread is Gemm on the caller's goroutine, for callers that split the work.
func GemmOneThread(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) {
	g := newGemm(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	g.rows(0, m)
}

func newGemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) gemm {
	left, stored := newMatrix(a, lda, transA), newMatrix(b, ldb, transB)
	if len(a) < left.size(m, k) || len(b) < stored.size(k, n) || len(c) < m*n {
		panic(fmt.Sprintf("kernel: Gemm of [%d,%d] by [%d,%d]: the slices hold %d, %d and %d values", m, k, k, n, len(a), len(b), len(c)))
	}
	rows := Rows{Count: k, F32: b}
	if transB {
		rows.Count = n
	}
	return gemm{a: left, b: right{[]Rows{rows}, ldb, transB}, c: result{parts: [][]float32{c[:m*n]}, n: n, accumulate: accumulate}, m: m, n: n, k: k}
}

// matrix is a view of values: element (i,j) is data[i*row+j*col].
type matrix struct {
	data     []float32
	row, col int
}

// newMatrix is a view of rows ld apart, or of their transpose.
func newMatrix(data []float32, ld int, transposed bool) matrix {
	if transposed {
		return matrix{data, 1, ld}
	}
	return matrix{data, ld, 1}
}

// size is how many values a matrix of this many rows and columns reaches over.
func (m matrix) size(rows, cols int) int { return (rows-1)*m.row + (cols-1)*m.col + 1 }

// gemm is a product c [m,n] = a [m,k] b [k,n].
type gemm struct {
	a       matrix
	b       right
	c       result
	m, n, k int
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
			g.b.pack(p.b[:], k, depth, j, width)
			for i := lo; i < hi; i += blockM {
				height := min(blockM, hi-i)
				packPanels(p.a[:], g.a.row, g.a.col, g.a.data[i*g.a.row+k*g.a.col:], height, depth, tileRows)
				g.block(p, i, j, height, width, depth, g.c.accumulate || k > 0)
			}
		}
	}
}

// block computes the tiles of C from (i,j) on, height by width, out of the panels.
func (g *gemm) block(p *panels, i, j, height, width, depth int, accumulate bool) {
	for jj := 0; jj < width; jj += tileCols {
		b := &p.b[jj*depth]
		for ii := 0; ii < height; ii += tileRows {
			rows, cols := min(tileRows, height-ii), min(tileCols, width-jj)
			if c := g.c.from(i + ii); rows == tileRows && cols == tileCols && g.c.factor == nil && len(c) >= tileRows*g.n {
				gemmTile(depth, &p.a[ii*depth], b, &c[j+jj], g.n, accumulate)
				continue
			}
			gemmTile(depth, &p.a[ii*depth], b, &p.tile[0], tileCols, false)
			g.c.store(p.tile[:], i+ii, j+jj, rows, cols, accumulate)
		}
	}
}

// pack makes panels of tileCols columns of the rows [k,k+depth) and columns [j,j+width).
func (b *right) pack(dst []float32, k, depth, j, width int) {
	for ; width > 0; width -= tileCols {
		n := min(tileCols, width)
		if n < tileCols {
			clear(dst[:tileCols*depth])
		}
		if b.transposed {
			b.packTransposed(dst, k, depth, j, n)
		} else {
			b.packRows(dst, k, depth, j, n)
		}
		j += n
		if width > n {
			dst = dst[tileCols*depth:]
		}
	}
}

// packRows makes one panel of n columns.
func (b *right) packRows(dst []float32, k, depth, j, n int) {
	for depth > 0 {
		r, at := b.part(k)
		count := min(depth, r.Count-at)
		for v := range count {
			r.copyTo(dst[v*tileCols:][:n], (at+v)*b.ld+j)
		}
		k, depth = k+count, depth-count
		if depth > 0 {
			dst = dst[count*tileCols:]
		}
	}
}

// copyTo copies values from one on as float32.
func (r *Rows) copyTo(dst []float32, at int) {
	switch {
	case r.Int8 != nil:
		WidenInt8(dst, r.Int8[at:][:len(dst)])
	case r.Inverse != 0:
		TernarizeFloat(dst, r.F32[at:][:len(dst)], r.Inverse)
	default:
		copy(dst, r.F32[at:])
	}
}

// packTransposed makes one panel of n rows as stored.
func (b *right) packTransposed(dst []float32, k, depth, j, n int) {
	for l := 0; l < n; {
		r, at := b.part(j + l)
		count := min(n-l, r.Count-at)
		packLines(dst[l:], b.ld, r.F32[at*b.ld+k:], count, depth, tileCols)
		l += count
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
		if line == 1 {
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
