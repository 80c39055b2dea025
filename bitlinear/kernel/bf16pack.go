package kernel

import (
	"encoding/binary"
	"slices"

	"trit/internal/float16"
	"trit/internal/parallel"
)

// bf16Lines are the bytes of a row of a panel or of a pair of rows of a block.
const bf16Lines = 64

// pack packs rows of A from first on; those beyond m and values beyond depth are zero.
func (w *bf16Work) pack(a matrix, first, rows, k, depth, m int) {
	steps, panels := ceil(depth, bf16Step), ceil(rows, bf16Tile)
	for at := 0; at < steps; at += bf16Chunk {
		n := min(bf16Chunk, steps-at)
		for p := range panels {
			panel := w.a[(at*panels+p*n)*bf16PanelBytes:][:n*bf16PanelBytes]
			v := view{a, first + p*bf16Tile, k + at*bf16Step, min(m, first+rows), k + depth}
			if a.col == 1 {
				v.packRows(panel)
			} else {
				v.packColumns(panel)
			}
		}
	}
}

// view is a matrix from an element on, as far as a row and a column.
type view struct {
	matrix
	i, j       int
	rows, cols int
}

// bits is element (i,j) of a view in bfloat16, 0 outside.
func (v view) bits(i, j int) uint16 {
	if v.i+i >= v.rows || v.j+j >= v.cols {
		return 0
	}
	return float16.BBits(v.data[(v.i+i)*v.row+(v.j+j)*v.col])
}

// packRows packs a panel of rows whose values lie side by side.
func (v view) packRows(panel []byte) {
	steps := len(panel) / bf16PanelBytes
	whole := min(steps, (v.cols-v.j)/bf16Step)
	for r := range bf16Tile {
		out, done := panel[r*bf16Lines:], 0
		if v.i+r < v.rows && whole > 0 {
			bf16Row512(whole, &out[0], bf16PanelBytes, &v.data[(v.i+r)*v.row+v.j])
			done = whole
		}
		for s := done; s < steps; s++ {
			for j := range bf16Step {
				binary.LittleEndian.PutUint16(out[s*bf16PanelBytes+2*j:], v.bits(r, s*bf16Step+j))
			}
		}
	}
}

// packColumns packs a panel of rows that are columns as stored, 16 of them at a time.
func (v view) packColumns(panel []byte) {
	const half = bf16PanelBytes / 2
	for at := 0; at < len(panel); at += half {
		row, value := at/half%2*16, at/bf16PanelBytes*bf16Step
		if v.i+row+16 <= v.rows && v.j+value+bf16Step <= v.cols {
			bf16Columns512(&panel[at], &v.data[v.i+row+(v.j+value)*v.col], v.col)
			continue
		}
		for j := range half / 2 {
			binary.LittleEndian.PutUint16(panel[at+2*j:], v.bits(row+j/bf16Step, value+j%bf16Step))
		}
	}
}

// pack packs the rows [k,k+depth) of op(B) in an even number of blocks; what is missing is
// zero.
func (s *bf16Right) pack(b *right, k, depth, n int) {
	blocks, size := 2*ceil(n, bf16Tile), ceil(depth, bf16Step)*bf16BlockBytes
	s.b = slices.Grow(s.b[:0], blocks*size)[:blocks*size]
	parallel.Chunks(blocks, max(1, 1<<16/(16*depth)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			block := s.b[i*size:][:size]
			for p := 0; p < size/bf16Lines; {
				p += b.packPairs(block[p*bf16Lines:], k+2*p, k+depth, i*16, n)
			}
		}
	})
}

// packPairs packs pairs of rows of 16 columns from (row,col) on and returns how many: as many
// as lie together in the same form, and else one.
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
			v = b.at(i, j)
		}
		binary.LittleEndian.PutUint16(block[2*j:], float16.BBits(v))
	}
	return 1
}

// pairs packs what lies in one part.
func (b *right) pairs(block []byte, row, rows, col int) (pairs int) {
	r, at := b.part(row)
	pairs = min(r.Count-at, rows-row) / 2
	from := at*b.ld + col
	switch {
	case pairs == 0:
	case r.Int8 != nil:
		bf16Int8Pairs512(pairs, &block[0], &r.Int8[from], b.ld)
	case r.Inverse != 0:
		bf16TernaryPairs512(pairs, &block[0], &r.F32[from], b.ld, r.Inverse)
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
	bf16PairsOfRows512(steps, &block[0], &r.F32[at*b.ld+row], b.ld)
	return steps * bf16Step / 2
}
