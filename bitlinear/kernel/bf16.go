package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"trit/internal/float16"
	"trit/internal/parallel"
)

// A product in bfloat16 has the tiles of amx.go: a step is 32 values of k, and a block is
// 16 columns of B, in pairs of rows.
const (
	bf16Step  = 32
	bf16Rows  = 512 // of A that meet a pair of blocks of B, 16 panels
	bf16Tile  = amxRows
	tileBytes = 1024
)

// bf16Scratch is the operands of a product: A [panels][steps][32 rows][32],
// B [blocks][steps][16 pairs][16 columns][2].
type bf16Scratch struct{ a, b []byte }

var (
	bf16ScratchPool = sync.Pool{New: func() any { return new(bf16Scratch) }}
	bf16WorkPool    = sync.Pool{New: func() any { return new([bf16Rows * bf16Tile]float32) }}
)

// GemmBF16 computes C = op(A) B as Gemm does, of operands rounded to bfloat16; see
// Product.BF16. op(A) is [m,k], B [k,n] and C [m,n]; lda and ldb are the distances of rows
// as stored.
func GemmBF16(transA bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32) {
	g := newGemm(transA, false, m, n, k, a, lda, b, ldb, c, false)
	if !HasBF16() {
		panic(fmt.Sprintf("kernel: GemmBF16 of [%d,%d] by [%d,%d]: this machine has no instructions for bfloat16", m, k, k, n))
	}
	g.bf16()
}

// bf16 computes the product in bfloat16.
func (g *gemm) bf16() {
	s := bf16ScratchPool.Get().(*bf16Scratch)
	defer bf16ScratchPool.Put(s)
	steps := ceil(g.k, bf16Step)
	s.packA(g.a, g.a.row == 1 && g.a.col != 1, g.m, g.k, steps)
	s.packB(&g.b, g.n, g.k, steps)
	grain := max(1, 1<<20/(bf16Tile*g.k*min(g.m, bf16Rows)))
	for first := 0; first < g.m; first += bf16Rows {
		rows := min(bf16Rows, g.m-first)
		parallel.Chunks(ceil(g.n, bf16Tile), grain, func(lo, hi int) {
			sums := bf16WorkPool.Get().(*[bf16Rows * bf16Tile]float32)
			defer bf16WorkPool.Put(sums)
			for i := lo; i < hi; i++ {
				s.multiply(sums, first, rows, i, steps)
				g.c.store(sums[:], first, i*bf16Tile, rows, min(bf16Tile, g.n-i*bf16Tile), g.c.accumulate)
			}
		})
	}
}

// multiply fills sums [rows][32] of rows of A from first on and of two blocks of B.
func (s *bf16Scratch) multiply(sums *[bf16Rows * bf16Tile]float32, first, rows, pair, steps int) {
	panel := 2 * tileBytes * steps
	a, b := s.a[first/bf16Tile*panel:], s.b[2*pair*steps*tileBytes:]
	for at := 0; at < steps; at += amxChunk {
		amxTilesBF16(ceil(rows, bf16Tile), min(amxChunk, steps-at), &b[at*tileBytes], steps*tileBytes, &a[at*2*tileBytes], panel, &sums[0], at, &amxConfigs[amxHalf])
	}
}

// packA fills panels of 32 rows; those that are missing in the last are zero.
func (s *bf16Scratch) packA(a matrix, transposed bool, m, k, steps int) {
	panels := ceil(m, bf16Tile)
	s.a = slices.Grow(s.a[:0], panels*steps*2*tileBytes)[:panels*steps*2*tileBytes]
	parallel.Chunks(panels, max(1, 1<<16/(bf16Tile*k)), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			panel := s.a[p*steps*2*tileBytes:][:steps*2*tileBytes]
			if transposed {
				packColumns(panel, a, p*bf16Tile, m, k)
			} else {
				packRows32(panel, a, p*bf16Tile, m, k)
			}
		}
	})
}

// packRows32 packs rows from first on whose values lie side by side.
func packRows32(panel []byte, a matrix, first, m, k int) {
	whole := k / bf16Step
	for r := range bf16Tile {
		out := panel[r*2*bf16Step:]
		steps := 0
		if first+r < m && whole > 0 {
			bf16Row512(whole, &out[0], 2*tileBytes, &a.data[(first+r)*a.row])
			steps = whole
		}
		for at := steps * bf16Step; at < len(panel)/tileBytes/2*bf16Step; at++ {
			putBF16(out[at/bf16Step*2*tileBytes+at%bf16Step*2:], a, first+r, at, m, k)
		}
	}
}

// packColumns packs rows from first on that are columns as stored, 16 of them at a time.
func packColumns(panel []byte, a matrix, first, m, k int) {
	for i := 0; i < len(panel); i += tileBytes {
		row, value := first+i/tileBytes%2*16, i/tileBytes/2*bf16Step
		if row+16 <= m && value+bf16Step <= k {
			bf16Columns512(&panel[i], &a.data[row+value*a.col], a.col)
			continue
		}
		for j := range tileBytes / 2 {
			putBF16(panel[i+2*j:], a, row+j/bf16Step, value+j%bf16Step, m, k)
		}
	}
}

// packB fills an even number of blocks of 16 columns; what is missing is zero.
func (s *bf16Scratch) packB(b *right, n, k, steps int) {
	blocks := 2 * ceil(n, bf16Tile)
	size := steps * tileBytes
	s.b = slices.Grow(s.b[:0], blocks*size)[:blocks*size]
	parallel.Chunks(blocks, max(1, 1<<16/(16*k)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			b.packPairs(s.b[i*size:][:size], i*16, n, k)
		}
	})
}

// packPairs packs the 16 columns of op(B) from first on.
func (b *right) packPairs(block []byte, first, n, k int) {
	for p := 0; p < len(block)/64; p++ {
		if whole := b.pairsFrom(block[64*p:], 2*p, first, n, k); whole > 0 {
			p += whole - 1
			continue
		}
		for j := range 32 {
			v := float32(0)
			if row, col := 2*p+j%2, first+j/2; row < k && col < n {
				v = b.at(row, col)
			}
			binary.LittleEndian.PutUint16(block[64*p+2*j:], float16.BBits(v))
		}
	}
}

// pairsFrom packs as many pairs of rows from row on as lie together, if there are 16
// columns, and returns their number.
func (b *right) pairsFrom(block []byte, row, first, n, k int) (pairs int) {
	if first+16 > n || row >= k || b.transposed {
		return 0
	}
	r, at := b.part(row)
	pairs = (r.Count - at) / 2
	if pairs == 0 || r.Int8 != nil || r.Inverse != 0 {
		return 0
	}
	bf16Pairs512(pairs, &block[0], &r.F32[at*b.ld+first], b.ld)
	return pairs
}

// putBF16 writes element (i,j) of a matrix [rows,cols], 0 outside of it.
func putBF16(dst []byte, x matrix, i, j, rows, cols int) {
	bits := uint16(0)
	if i < rows && j < cols {
		bits = float16.BBits(x.data[i*x.row+j*x.col])
	}
	binary.LittleEndian.PutUint16(dst, bits)
}
