package gemm

import (
	"encoding/binary"
	"sync"

	"trit/bitlinear/kernel/memory"
	"trit/internal/float16"
	"trit/internal/parallel"
)

// Panels is a matrix in bfloat16 in the order in which tiles read a left side, so that two products
// which read it, one of them transposed, share one copy. The zero value is ready for Reset.
type Panels struct {
	rows, cols int
	lines
}

// lines is the memory of panels, [chunks of steps][panels][steps of the chunk][32 rows][32].
type lines struct {
	data          []byte
	panels, steps int
}

// Reset makes room for a matrix, whose rows are then to be set, each over its whole width.
func (p *Panels) Reset(rows, cols int) {
	p.rows, p.cols, p.panels, p.steps = rows, cols, ceil(rows, bf16Tile), ceil(cols, bf16Step)
	size := p.panels * p.steps * bf16PanelBytes
	if cap(p.data) < size {
		p.data = memory.Make[byte](size)
	}
	p.data = p.data[:size]
	for i := rows; i < p.panels*bf16Tile; i++ {
		p.clear(i, 0)
	}
	if cols%bf16Step > 0 {
		for i := range rows {
			p.clear(i, p.steps-1)
		}
	}
}

// SetRow sets values of row i from column col on to x times factor. Different values may be set at the
// same time.
func (p *Panels) SetRow(i, col int, x []float32, factor float32) {
	if i < 0 || i >= p.rows || col < 0 || col+len(x) > p.cols {
		panic("gemm: a row outside of the panels")
	}
	p.set(i, col, x, factor)
}

// at is the first byte of row i in a step.
func (l *lines) at(i, step int) int {
	chunk := step / bf16Chunk * bf16Chunk
	n := min(bf16Chunk, l.steps-chunk)
	return (chunk*l.panels+i/bf16Tile*n+step-chunk)*bf16PanelBytes + i%bf16Tile*bf16Lines
}

// clear sets the steps of row i from one on to zero.
func (l *lines) clear(i, step int) {
	for ; step < l.steps; step++ {
		clear(l.data[l.at(i, step):][:bf16Lines])
	}
}

// set sets values of row i from column col on.
func (l *lines) set(i, col int, x []float32, factor float32) {
	for len(x) > 0 {
		step, first := col/bf16Step, col%bf16Step
		out := l.data[l.at(i, step):]
		n := min(len(x)/bf16Step, bf16Chunk-step%bf16Chunk) * bf16Step
		if first == 0 && n > 0 {
			bf16Row512(n/bf16Step, &out[0], bf16PanelBytes, &x[0], factor)
		} else {
			n = min(len(x), bf16Step-first)
			for j, v := range x[:n] {
				binary.LittleEndian.PutUint16(out[2*(first+j):], float16.BBits(v*factor))
			}
		}
		x, col = x[n:], col+n
	}
}

// setTransposed fills the panels with columns of a matrix from first on, a multiple of 32, from row k on.
func (l *lines) setTransposed(p *Panels, first, k int) {
	for at := 0; at < l.steps; at++ {
		for i := range l.panels {
			bf16Transpose512(&l.data[l.at(i*bf16Tile, at)], &p.data[p.at(k+at*bf16Step, first/bf16Step+i)])
		}
	}
}

// packA makes panels of the stored A times its factors.
func (p *Product) packA(panels *Panels, pool *parallel.Pool) {
	rows, width := p.storedA()
	panels.Reset(rows, width)
	pool.For(rows, 1+1<<13/width, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, first := p.A[r*p.LDA:][:width], 0
			for _, f := range p.AFactors {
				panels.SetRow(r, first, row[:f.Columns], f.Of[r])
				row, first = row[f.Columns:], first+f.Columns
			}
			panels.SetRow(r, first, row, 1)
		}
	})
}

var panelsPool = sync.Pool{New: func() any { return new(Panels) }}
