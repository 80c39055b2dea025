package gemm

import (
	"sync"

	"trit/bitlinear/kernel/vector"
)

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
			r.copyTo(dst[v*tileCols:][:n], at+v, j, b.ld)
		}
		k, depth = k+count, depth-count
		if depth > 0 {
			dst = dst[count*tileCols:]
		}
	}
}

// copyTo converts the values of a row from column col on to float32, over the length of dst. Rows
// are ld values apart.
func (r *Rows) copyTo(dst []float32, row, col, ld int) {
	at := row*ld + col
	switch {
	case r.Source != nil:
		r.Source.Values(dst, row, col)
	case r.Int8 != nil:
		vector.WidenInt8(dst, r.Int8[at:][:len(dst)])
	case !r.Rounding.IsNone():
		vector.Ternarize(dst, r.F32[at:][:len(dst)], r.Rounding)
	default:
		copy(dst, r.F32[at:])
	}
}

// packTransposed makes one panel of n stored rows, the columns of op(B).
func (b *right) packTransposed(dst []float32, k, depth, j, n int) {
	for l := 0; l < n; {
		r, at := b.part(j + l)
		count := min(n-l, r.Count-at)
		if r.Source != nil {
			r.packLines(dst[l:], at, k, count, depth)
		} else {
			packLines(dst[l:], tileCols, r.F32[at*b.ld+k:], b.ld, count, depth)
		}
		l += count
	}
}

// packLines is the function of that name for rows of a Source from (row,col) on.
func (r *Rows) packLines(dst []float32, row, col, count, depth int) {
	lines := linesPool.Get().(*[tileCols * passK]float32)
	defer linesPool.Put(lines)
	for l := range count {
		r.Source.Values(lines[l*depth:][:depth], row+l, col)
	}
	packLines(dst, tileCols, lines[:], depth, count, depth)
}

var linesPool = sync.Pool{New: func() any { return new([tileCols * passK]float32) }}

// pack makes panels of tileRows rows, value by value, of the rows [i,i+height) and columns
// [k,k+depth). The rows missing in the last panel are zero.
func (m matrix) pack(dst []float32, i, k, height, depth int) {
	if height%tileRows > 0 {
		clear(dst[height/tileRows*tileRows*depth:][:tileRows*depth])
	}
	src := m.data[i*m.row+k*m.col:]
	if m.transposed {
		packColumns(dst, src, m.col, height, depth)
		return
	}
	for ; height > 0; height -= tileRows {
		packLines(dst, tileRows, src, m.row, min(tileRows, height), depth)
		dst = dst[tileRows*depth:]
		src = src[min(tileRows*m.row, len(src)):]
	}
}

// packColumns packs rows that are stored as columns: neighbours lie side by side, and the values
// of a row are ld apart.
func packColumns(dst, src []float32, ld, height, depth int) {
	whole := 0
	if chosen.packOctets != nil && height >= tileRows {
		whole = height / tileRows
		_, _ = dst[whole*tileRows*depth-1], src[(depth-1)*ld+height-1]
		chosen.packOctets(whole, depth, &dst[0], &src[0], ld)
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
	n := 0
	if chosen.packEight != nil {
		n = depth &^ 15
	}
	if n > 0 {
		_, _ = dst[(n-1)*stride+7], src[7*ld+n-1]
		chosen.packEight(n, &dst[0], stride, &src[0], ld)
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
