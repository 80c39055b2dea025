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
	p := newPlain(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	defer p.release()
	p.run()
}

// GemmOneThread is Gemm on the caller's goroutine, for callers that split the work.
func GemmOneThread(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) {
	p := newPlain(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	defer p.release()
	p.rows(0, m)
}

// GemmBF16OneThread is GemmOneThread of operands rounded to bfloat16. It is for machines of
// which HasBF16 is true.
func GemmBF16OneThread(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) {
	p := newPlain(transA, transB, m, n, k, a, lda, b, ldb, c, accumulate)
	defer p.release()
	p.bf16OneThread()
}

// plain is a product whose right side and result are in one place each. A step of training
// has thousands, so they are used again.
type plain struct {
	gemm
	right [1]Rows
	parts [1][]float32
}

var plainPool = sync.Pool{New: func() any { return new(plain) }}

func (p *plain) release() {
	*p = plain{}
	plainPool.Put(p)
}

func newPlain(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, accumulate bool) *plain {
	left, stored := newMatrix(a, lda, transA), newMatrix(b, ldb, transB)
	if len(a) < left.size(m, k) || len(b) < stored.size(k, n) || len(c) < m*n {
		panic(fmt.Sprintf("kernel: Gemm of [%d,%d] by [%d,%d]: the slices hold %d, %d and %d values", m, k, k, n, len(a), len(b), len(c)))
	}
	p := plainPool.Get().(*plain)
	p.right[0], p.parts[0] = Rows{Count: k, F32: b}, c[:m*n]
	if transB {
		p.right[0].Count = n
	}
	p.gemm = gemm{a: left, b: right{p.right[:], ldb, transB}, c: result{parts: p.parts[:], n: n, accumulate: accumulate}, m: m, n: n, k: k}
	return p
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
				g.a.pack(p.a[:], i, k, height, depth)
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
		packLines(dst[l:], tileCols, r.F32[at*b.ld+k:], b.ld, count, depth)
		l += count
	}
}

// pack makes panels of tileRows rows, value by value, of the rows [i,i+height) and columns
// [k,k+depth). The rows missing in the last panel are zero.
func (m matrix) pack(dst []float32, i, k, height, depth int) {
	if height%tileRows > 0 {
		clear(dst[height/tileRows*tileRows*depth:][:tileRows*depth])
	}
	src := m.data[i*m.row+k*m.col:]
	if m.row == 1 {
		packColumns(dst, src, m.col, height, depth)
		return
	}
	for ; height > 0; height -= tileRows {
		packLines(dst, tileRows, src, m.row, min(tileRows, height), depth)
		dst = dst[tileRows*depth:]
		src = src[min(tileRows*m.row, len(src)):]
	}
}

// packColumns packs rows whose values are ld apart and which lie side by side themselves.
func packColumns(dst, src []float32, ld, height, depth int) {
	whole := 0
	if chosenVectors.packOctets != nil && height >= tileRows {
		whole = height / tileRows
		_, _ = dst[whole*tileRows*depth-1], src[(depth-1)*ld+height-1]
		chosenVectors.packOctets(whole, depth, &dst[0], &src[0], ld)
	}
	for first := whole * tileRows; first < height; first += tileRows {
		for v := range depth {
			copy(dst[first*depth+v*tileRows:][:tileRows], src[v*ld+first:v*ld+height])
		}
	}
}

// packLines writes dst[v*stride+l] = src[l*ld+v] for count lines of depth values.
func packLines(dst []float32, stride int, src []float32, ld, count, depth int) {
	for ; count >= 8; count -= 8 {
		packEight(dst, stride, src, ld, depth)
		dst, src = dst[8:], src[min(8*ld, len(src)):]
	}
	packFew(dst, stride, src, ld, count, depth)
}

// packEight is packLines of eight lines.
func packEight(dst []float32, stride int, src []float32, ld, depth int) {
	n := lanes(depth)
	if n > 0 {
		_, _ = dst[(n-1)*stride+7], src[7*ld+n-1]
		chosenVectors.packEight(n, &dst[0], stride, &src[0], ld)
	}
	if n < depth {
		packFew(dst[n*stride:], stride, src[n:], ld, 8, depth-n)
	}
}

// packFew is packLines in plain Go, four lines at a time.
func packFew(dst []float32, stride int, src []float32, ld, count, depth int) {
	l := 0
	for ; l+4 <= count; l += 4 {
		s0, s1, s2, s3 := src[l*ld:][:depth], src[(l+1)*ld:][:depth], src[(l+2)*ld:][:depth], src[(l+3)*ld:][:depth]
		for v, x := range s0 {
			d := dst[v*stride+l:][:4]
			d[0], d[1], d[2], d[3] = x, s1[v], s2[v], s3[v]
		}
	}
	for ; l < count; l++ {
		for v, x := range src[l*ld:][:depth] {
			dst[v*stride+l] = x
		}
	}
}
