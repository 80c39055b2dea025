package gemm

import (
	"fmt"
	"slices"
	"sync"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Left is the left side of products in bfloat16, packed. Who multiplies the same matrices again and again packs
// each once, and has products write what they give in the same form. HasBF16 must be true for all of this
// file.
type Left struct {
	rows, depth int
	b           []byte // [chunks][panels][steps of the chunk][32 rows][32]
}

// Right is the right side of products in bfloat16, packed.
type Right struct {
	bf16Right
	depth int
}

// sumsPool has the sums of a column of tiles.
var sumsPool = sync.Pool{New: func() any { return new([bf16Rows * bf16Tile]float32) }}

// tileValues are the values of a tile, row by row.
const tileValues = bf16Tile * bf16Tile

func (l *Left) steps() int  { return ceil(l.depth, bf16Step) }
func (l *Left) panels() int { return ceil(l.rows, bf16Tile) }

// reshape makes memory for [rows,depth].
func (l *Left) reshape(rows, depth int) {
	l.rows, l.depth = rows, depth
	size := l.panels() * l.steps() * bf16PanelBytes
	l.b = slices.Grow(l.b[:0], size)[:size]
}

// reshape makes memory for [depth,cols].
func (r *Right) reshape(depth, cols int) {
	r.depth, r.cols = depth, cols
	r.reserve(depth)
}

// Pack packs x [rows,depth], or if it is stored transposed, [depth,rows].
func (l *Left) Pack(pool *parallel.Pool, x []float32, rows, depth int, transposed bool) {
	l.reshape(rows, depth)
	ld := depth
	if transposed {
		ld = rows
	}
	v, steps, panels := view{newMatrix(x, ld, transposed), 0, 0, rows, depth}, l.steps(), l.panels()
	if transposed {
		pool.Chunks(steps, packGrain(rows), func(lo, hi int) { v.packColumns(l.b, lo, hi, steps, panels) })
		return
	}
	pool.Chunks(panels, packGrain(depth), func(lo, hi int) {
		for i := lo * bf16Tile; i < hi*bf16Tile; i++ {
			v.packRow(l.b, i, steps, panels)
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

// multiply fills sums [panels][32][32] with panels of l, from first on, times the columns of a tile.
func (l *Left) multiply(sums []float32, r *Right, first, panels, column int) {
	steps, all := l.steps(), l.panels()
	b := r.b[2*column*steps*bf16BlockBytes:]
	for at := 0; at < steps; at += bf16Chunk {
		n := min(bf16Chunk, steps-at)
		chosenBF16.tiles(panels, n, &b[at*bf16BlockBytes], steps*bf16BlockBytes, &l.b[(at*all+first*n)*bf16PanelBytes],
			n*bf16PanelBytes, &sums[0], at, &b[min(at+n, 2*steps-1)*bf16BlockBytes])
	}
}

// tiles calls each with the tiles of l r, a column of them after the other: all, or those on and below the
// diagonal.
func (l *Left) tiles(pool *parallel.Pool, r *Right, lower bool, each func(i, j int, tile []float32)) {
	if l.depth != r.depth {
		panic(fmt.Sprintf("gemm: a left side of %d values a row by a right one of %d rows", l.depth, r.depth))
	}
	pool.Chunks(ceil(r.cols, bf16Tile), 1, func(lo, hi int) {
		sums := sumsPool.Get().(*[bf16Rows * bf16Tile]float32)
		defer sumsPool.Put(sums)
		for j := lo; j < hi; j++ {
			first := 0
			if lower {
				first = j
			}
			l.column(sums[:], r, first, j, each)
		}
	})
}

// column calls each with the tiles of a column, from tile first on.
func (l *Left) column(sums []float32, r *Right, first, j int, each func(i, j int, tile []float32)) {
	for i := first; i < l.panels(); i += bf16Rows / bf16Tile {
		n := min(bf16Rows/bf16Tile, l.panels()-i)
		l.multiply(sums, r, i, n, j)
		for k := range n {
			each(i+k, j, sums[k*tileValues:][:tileValues])
		}
	}
}

// Mul writes l r to c [rows,cols].
func (l *Left) Mul(pool *parallel.Pool, r *Right, c []float32) {
	out := result{parts: [][]float32{c}, ld: r.cols}
	l.tiles(pool, r, false, func(i, j int, tile []float32) {
		i, j = i*bf16Tile, j*bf16Tile
		out.store(tile, i, j, min(bf16Tile, l.rows-i), min(bf16Tile, r.cols-j), false)
	})
}

// tile is the memory of the tile of panel i and step s.
func (l *Left) tile(i, s int) []byte {
	at := s / bf16Chunk * bf16Chunk
	n := min(bf16Chunk, l.steps()-at)
	return l.b[(at*l.panels()+i*n+s-at)*bf16PanelBytes:][:bf16PanelBytes]
}

// write writes tile (i,j) and its mirror image.
func (l *Left) write(i, j int, tile []float32) {
	bf16Row512(bf16Tile, &l.tile(i, j)[0], bf16Lines, &tile[0], 1)
	if i == j {
		return
	}
	for half := range 2 {
		bf16Columns512(&l.tile(j, i)[half*bf16PanelBytes/2], &tile[half*bf16Tile/2], bf16Tile, &ones[0])
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
func (t *Triangle) Mul(pool *parallel.Pool, l *Left, r *Right) {
	t.reshape(l.rows)
	l.tiles(pool, r, true, func(i, j int, tile []float32) { copy(t.tile(i, j), tile) })
}

// Combine makes t a x + b l r, of which l r must be symmetric but for rounding, and packs it. t may be x, but the sides
// are neither l nor r.
func (t *Triangle) Combine(pool *parallel.Pool, a float32, x *Triangle, b float32, l *Left, r *Right, sides ...Side) {
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
