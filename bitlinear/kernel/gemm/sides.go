package gemm

import (
	"fmt"
	"slices"
	"sync"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Right is the right side of products in bfloat16, packed. Who multiplies the same matrices again and again packs
// each once, as Panels or as a Right, and has products write what they give in the same form. HasBF16 must be true
// for all of this file.
type Right struct {
	bf16Right
	depth int
}

// sumsPool has the sums of a column of tiles.
var sumsPool = sync.Pool{New: func() any { return new([bf16Rows * bf16Tile]float32) }}

// tileValues are the values of a tile, row by row.
const tileValues = bf16Tile * bf16Tile

// reshape makes memory for [depth,cols].
func (r *Right) reshape(depth, cols int) {
	r.depth, r.cols = depth, cols
	r.reserve(depth)
}

// Pack packs x [rows,cols], or if it is stored transposed, [cols,rows].
func (p *Panels) Pack(pool *parallel.Pool, x []float32, rows, cols int, transposed bool) {
	p.Reset(rows, cols)
	if transposed {
		v := view{newMatrix(x, rows, true), 0, 0, rows, cols}
		pool.Chunks(p.steps, packGrain(rows), func(lo, hi int) { v.packColumns(p.data, lo, hi, p.steps, p.panels) })
		return
	}
	pool.Chunks(rows, max(1, 1<<16/cols), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p.SetRow(i, 0, x[i*cols:][:cols], 1)
		}
	})
}

// packGrain is the number of times 32 lines of n values that are worth a thread's coming.
func packGrain(n int) int { return max(1, 1<<16/(32*n)) }

// Pack packs x [depth,cols], or if it is stored transposed, [cols,depth].
func (r *Right) Pack(pool *parallel.Pool, x []float32, depth, cols int, transposed bool) {
	r.reshape(depth, cols)
	b := right{[]Rows{{Count: depth, F32: x}}, cols, transposed}
	if transposed {
		b.parts[0].Count, b.ld = cols, depth
	}
	pool.Chunks(ceil(depth, bf16Step), packGrain(cols), func(lo, hi int) { r.pack(&b, 0, depth, lo, hi) })
}

// product fills sums [panels][32][32] with panels of p, from first on, times the columns of a tile.
func (p *Panels) product(sums []float32, r *Right, first, panels, column int) {
	b := r.b[2*column*p.steps*bf16BlockBytes:]
	for at := 0; at < p.steps; at += bf16Chunk {
		n := min(bf16Chunk, p.steps-at)
		chosenBF16.tiles(panels, n, &b[at*bf16BlockBytes], p.steps*bf16BlockBytes, &p.data[p.at(first*bf16Tile, at)],
			n*bf16PanelBytes, &sums[0], at, &b[min(at+n, 2*p.steps-1)*bf16BlockBytes])
	}
}

// tiles calls each with the tiles of p r, a column of them after the other: all, or those on and below the
// diagonal.
func (p *Panels) tiles(pool *parallel.Pool, r *Right, lower bool, each func(i, j int, tile []float32)) {
	if p.cols != r.depth {
		panic(fmt.Sprintf("gemm: a left side of %d values a row by a right one of %d rows", p.cols, r.depth))
	}
	pool.Chunks(ceil(r.cols, bf16Tile), 1, func(lo, hi int) {
		sums := sumsPool.Get().(*[bf16Rows * bf16Tile]float32)
		defer sumsPool.Put(sums)
		for j := lo; j < hi; j++ {
			first := 0
			if lower {
				first = j
			}
			p.column(sums[:], r, first, j, each)
		}
	})
}

// column calls each with the tiles of a column, from tile first on.
func (p *Panels) column(sums []float32, r *Right, first, j int, each func(i, j int, tile []float32)) {
	for i := first; i < p.panels; i += bf16Rows / bf16Tile {
		n := min(bf16Rows/bf16Tile, p.panels-i)
		p.product(sums, r, i, n, j)
		for k := range n {
			each(i+k, j, sums[k*tileValues:][:tileValues])
		}
	}
}

// Mul writes p r to c [rows,cols].
func (p *Panels) Mul(pool *parallel.Pool, r *Right, c []float32) {
	out := result{parts: [][]float32{c}, ld: r.cols}
	p.tiles(pool, r, false, func(i, j int, tile []float32) {
		i, j = i*bf16Tile, j*bf16Tile
		out.store(tile, i, j, min(bf16Tile, p.rows-i), min(bf16Tile, r.cols-j), false)
	})
}

func (p *Panels) reshape(rows, cols int) { p.Reset(rows, cols) }

// tile is the memory of the tile of panel i and step s.
func (p *Panels) tile(i, s int) []byte { return p.data[p.at(i*bf16Tile, s):][:bf16PanelBytes] }

// write writes tile (i,j) and its mirror image.
func (p *Panels) write(i, j int, tile []float32) {
	bf16Row512(bf16Tile, &p.tile(i, j)[0], bf16Lines, &tile[0], 1)
	if i == j {
		return
	}
	for half := range 2 {
		bf16Columns512(&p.tile(j, i)[half*bf16PanelBytes/2], &tile[half*bf16Tile/2], bf16Tile)
	}
}

// write writes tile (i,j) and its mirror image.
func (r *Right) write(i, j int, tile []float32) {
	steps := ceil(r.depth, bf16Step)
	for half := range 2 {
		bf16Pairs512(bf16Step/2, &r.b[((2*j+half)*steps+i)*bf16BlockBytes], &tile[half*bf16Tile/2], bf16Tile)
		if i != j {
			bf16PairsOfRows512(1, &r.b[((2*i+half)*steps+j)*bf16BlockBytes], &tile[half*tileValues/2], bf16Tile)
		}
	}
}

// Side is a packed side of products.
type Side interface {
	reshape(rows, cols int)
	write(i, j int, tile []float32) // writes tile (i,j) of a symmetric matrix and its mirror image
}

// Triangle is a symmetric matrix of n rows: its tiles on and below the diagonal, in float32.
type Triangle struct {
	n     int
	tiles []float32 // [tiles][32][32], those of a row one after the other
}

func (t *Triangle) rows() int { return ceil(t.n, bf16Tile) } // of tiles

func (t *Triangle) tile(i, j int) []float32 {
	return t.tiles[(i*(i+1)/2+j)*tileValues:][:tileValues]
}

func (t *Triangle) reshape(n int) {
	t.n = n
	size := t.rows() * (t.rows() + 1) / 2 * tileValues
	t.tiles = slices.Grow(t.tiles[:0], size)[:size]
}

// Mul makes t the product l r, which must be symmetric but for rounding.
func (t *Triangle) Mul(pool *parallel.Pool, l *Panels, r *Right) {
	t.reshape(l.rows)
	l.tiles(pool, r, true, func(i, j int, tile []float32) { copy(t.tile(i, j), tile) })
}

// Combine makes t a x + b l r, of which l r must be symmetric but for rounding, and packs it. t may be x, but the sides
// are neither l nor r.
func (t *Triangle) Combine(pool *parallel.Pool, a float32, x *Triangle, b float32, l *Panels, r *Right, sides ...Side) {
	t.reshape(l.rows)
	t.shape(sides)
	l.tiles(pool, r, true, func(i, j int, tile []float32) {
		out := t.tile(i, j)
		vector.ScaleTo(out, x.tile(i, j), a)
		vector.Axpy(b, tile, out)
		write(sides, i, j, out)
	})
}

// AddIdentity makes t x + v I, and packs it.
func (t *Triangle) AddIdentity(x *Triangle, v float32, sides ...Side) {
	t.reshape(x.n)
	copy(t.tiles, x.tiles)
	for i := range t.n {
		t.tile(i/bf16Tile, i/bf16Tile)[i%bf16Tile*(bf16Tile+1)] += v
	}
	t.pack(sides)
}

// Scale multiplies t, and packs it.
func (t *Triangle) Scale(f float32, sides ...Side) {
	vector.Scale(f, t.tiles)
	t.pack(sides)
}

// SumSquares is the sum of the squares of all elements.
func (t *Triangle) SumSquares() (sum float64) {
	for i := range t.rows() {
		for j := range i {
			sum += 2 * vector.SumSquares(t.tile(i, j))
		}
		sum += vector.SumSquares(t.tile(i, i))
	}
	return sum
}

func (t *Triangle) shape(sides []Side) {
	for _, s := range sides {
		s.reshape(t.n, t.n)
	}
}

func (t *Triangle) pack(sides []Side) {
	t.shape(sides)
	for i := range t.rows() {
		for j := range i + 1 {
			write(sides, i, j, t.tile(i, j))
		}
	}
}

func write(sides []Side, i, j int, tile []float32) {
	for _, s := range sides {
		s.write(i, j, tile)
	}
}
