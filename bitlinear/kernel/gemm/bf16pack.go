package gemm

import (
	"encoding/binary"
	"slices"
	"sync"

	"trit/internal/float16"
)

// bf16Lines are the bytes of a row of a panel or of a pair of rows of a block.
const bf16Lines = 64

// pack packs rows of A from first on, and the values [k,k+depth) of each. Rows beyond m, and values beyond
// depth, become zero.
func (w *bf16Work) pack(g *product, first, rows, k, depth int) {
	w.panels, w.steps = ceil(rows, bf16Tile), ceil(depth, bf16Step)
	switch {
	case g.left != nil:
		w.setTransposed(g.left, first, k)
	case g.a.transposed:
		v := view{g.a, first, k, min(g.m, first+rows), k + depth}
		v.packColumns(w.data, 0, w.steps, w.steps, w.panels)
	default:
		w.packRows(&g.a, first, min(rows, g.m-first), k, depth)
	}
}

// packRows packs rows whose values lie side by side.
func (w *bf16Work) packRows(a *matrix, first, rows, k, depth int) {
	for i := range w.panels * bf16Tile {
		if i >= rows {
			w.clear(i, 0)
			continue
		}
		if depth%bf16Step > 0 {
			w.clear(i, w.steps-1)
		}
		w.set(i, 0, a.data[(first+i)*a.row+k:][:depth], 1)
	}
}

// view is the part of a matrix from an element to a last row and column.
type view struct {
	matrix
	i, j       int
	rows, cols int
}

// bits is element (i,j) of a view in bfloat16, or 0 outside of the view.
func (v view) bits(i, j int) uint16 {
	if v.i+i >= v.rows || v.j+j >= v.cols {
		return 0
	}
	return float16.BBits(v.data[(v.i+i)*v.row+(v.j+j)*v.col])
}

// packColumns packs the steps [lo,hi) of rows that are stored as columns, 16 at a time. It takes neighbours one
// after another, since they share pages of memory.
func (v view) packColumns(dst []byte, lo, hi, steps, panels int) {
	const half = bf16PanelBytes / 2
	for s := lo; s < hi; s++ {
		at := s / bf16Chunk * bf16Chunk
		n := min(bf16Chunk, steps-at)
		for i := range 2 * panels {
			out := dst[(at*panels+i/2*n+s-at)*bf16PanelBytes+i%2*half:][:half]
			first, row := v.i+16*i, v.j+s*bf16Step
			if first+16 <= v.rows && row+bf16Step <= v.cols {
				bf16Columns512(&out[0], &v.data[first+row*v.col], v.col)
				continue
			}
			for j := range half / 2 {
				binary.LittleEndian.PutUint16(out[2*j:], v.bits(16*i+j/bf16Step, s*bf16Step+j%bf16Step))
			}
		}
	}
}

// reserve makes memory for rows of the columns.
func (s *bf16Right) reserve(rows int) {
	size := 2 * ceil(s.cols, bf16Tile) * ceil(rows, bf16Step) * bf16BlockBytes
	s.b = slices.Grow(s.b[:0], size)[:size]
}

// pack packs the steps [lo,hi) of the rows [k,k+depth) of the columns into an even number of blocks.
// Missing rows and columns become zero. It reads B in the order of memory.
func (s *bf16Right) pack(b *right, k, depth, lo, hi int) {
	blocks, size := 2*ceil(s.cols, bf16Tile), ceil(depth, bf16Step)*bf16BlockBytes
	together := 1
	if b.transposed {
		together = hi - lo
	}
	for at := lo; at < hi; at += together {
		for i := range blocks {
			block := s.b[i*size+at*bf16BlockBytes:][:together*bf16BlockBytes]
			b.packBlock(block, k+at*bf16Step, min(depth, (at+together)*bf16Step)+k, s.first+i*16, s.first+s.cols)
		}
	}
}

// packBlock packs the rows [k,rows) of 16 columns.
func (b *right) packBlock(block []byte, k, rows, col, cols int) {
	for p := 0; p < len(block)/bf16Lines; {
		p += b.packPairs(block[p*bf16Lines:], k+2*p, rows, col, cols)
	}
}

// packPairs packs pairs of rows of 16 columns from (row,col) on, and returns the number of pairs:
// all pairs that lie in one part, or else one pair across parts.
func (b *right) packPairs(block []byte, row, rows, col, cols int) (pairs int) {
	if col+16 <= cols && row+1 < rows {
		if b.transposed {
			pairs = b.pairsOfRows(block, row, rows, col)
		} else {
			pairs = b.pairs(block, row, rows, col)
		}
	}
	if pairs > 0 {
		return pairs
	}
	for j := range bf16Lines / 2 {
		v := float32(0)
		if i, j := row+j%2, col+j/2; i < rows && j < cols {
			v = b.element(i, j)
		}
		binary.LittleEndian.PutUint16(block[2*j:], float16.BBits(v))
	}
	return 1
}

// pairs packs the pairs of rows that lie in one part.
func (b *right) pairs(block []byte, row, rows, col int) (pairs int) {
	r, at := b.part(row)
	pairs = min(r.Count-at, rows-row) / 2
	from := at*b.ld + col
	switch {
	case pairs == 0:
	case r.Source != nil:
		r.packPairs(block, pairs, at, col)
	case r.Int8 != nil:
		bf16Int8Pairs512(pairs, &block[0], &r.Int8[from], b.ld)
	case !r.Rounding.IsNone():
		bf16TernaryPairs512(pairs, &block[0], &r.F32[from], b.ld, r.Rounding.Factor())
	default:
		bf16Pairs512(pairs, &block[0], &r.F32[from], b.ld)
	}
	return pairs
}

// pairsOfRows packs whole steps of 16 columns that are rows of one part.
func (b *right) pairsOfRows(block []byte, row, rows, col int) (pairs int) {
	r, at := b.part(col)
	steps := (rows - row) / bf16Step
	if steps == 0 || at+16 > r.Count {
		return 0
	}
	if r.Source == nil {
		bf16PairsOfRows512(steps, &block[0], &r.F32[at*b.ld+row], b.ld)
		return steps * bf16Step / 2
	}
	steps = min(steps, sourceValues/(16*bf16Step))
	values, width := sourcePool.Get().(*[sourceValues]float32), steps*bf16Step
	defer sourcePool.Put(values)
	for i := range 16 {
		r.Source.Values(values[i*width:][:width], at+i, row)
	}
	bf16PairsOfRows512(steps, &block[0], &values[0], width)
	return width / 2
}

// sourceValues is the number of values of a Source that are in float32 at a time.
const sourceValues = 1 << 13

var sourcePool = sync.Pool{New: func() any { return new([sourceValues]float32) }}

// packPairs packs pairs of rows of a Source, 16 columns from (row,col) on.
func (r *Rows) packPairs(block []byte, pairs, row, col int) {
	if s, ok := r.Source.(PairSource); ok && s.BF16Pairs(block, pairs, row, col) {
		return
	}
	values := sourcePool.Get().(*[sourceValues]float32)
	defer sourcePool.Put(values)
	for done := 0; done < pairs; {
		n := min(pairs-done, sourceValues/32)
		for i := range 2 * n {
			r.Source.Values(values[16*i:][:16], row+2*done+i, col)
		}
		bf16Pairs512(n, &block[done*bf16Lines], &values[0], 16)
		done += n
	}
}
