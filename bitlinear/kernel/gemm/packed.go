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

// packedWork is the working memory of a thread: sums of a column of tiles, and a tile as an image has it.
type packedWork struct {
	sums  [bf16Rows * bf16Tile]float32
	image [tileValues]float32
}

var packedWorkPool = sync.Pool{New: func() any { return new(packedWork) }}

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
func (l *Left) tiles(pool *parallel.Pool, r *Right, lower bool, each func(w *packedWork, i, j int, tile []float32)) {
	if l.depth != r.depth {
		panic(fmt.Sprintf("gemm: a left side of %d values a row by a right one of %d rows", l.depth, r.depth))
	}
	pool.Chunks(ceil(r.cols, bf16Tile), 1, func(lo, hi int) {
		w := packedWorkPool.Get().(*packedWork)
		defer packedWorkPool.Put(w)
		for j := lo; j < hi; j++ {
			first := 0
			if lower {
				first = j
			}
			l.column(w, r, first, j, each)
		}
	})
}

// column calls each with the tiles of a column, from tile first on.
func (l *Left) column(w *packedWork, r *Right, first, j int, each func(w *packedWork, i, j int, tile []float32)) {
	for i := first; i < l.panels(); i += bf16Rows / bf16Tile {
		n := min(bf16Rows/bf16Tile, l.panels()-i)
		l.multiply(w.sums[:], r, i, n, j)
		for k := range n {
			each(w, i+k, j, w.sums[k*tileValues:][:tileValues])
		}
	}
}

// Mul writes l r to c [rows,cols].
func (l *Left) Mul(pool *parallel.Pool, r *Right, c []float32) {
	out := result{parts: [][]float32{c}, ld: r.cols}
	l.tiles(pool, r, false, func(_ *packedWork, i, j int, tile []float32) {
		i, j = i*bf16Tile, j*bf16Tile
		out.store(tile, i, j, min(bf16Tile, l.rows-i), min(bf16Tile, r.cols-j), false)
	})
}

// Image is a form in which a symmetric matrix is written: Scale times it plus Diagonal times the identity, packed.
type Image struct {
	Left            *Left
	Right           *Right // instead of Left
	Scale, Diagonal float32
}

// MulSymmetric writes images of l r, which must be symmetric but for rounding: half of it is computed. The images are
// none of the factors.
func (l *Left) MulSymmetric(pool *parallel.Pool, r *Right, images ...Image) {
	reshape(images, l.rows)
	l.tiles(pool, r, true, func(w *packedWork, i, j int, tile []float32) { w.write(images, i, j, l.rows, tile) })
}

func reshape(images []Image, n int) {
	for _, m := range images {
		if m.Left != nil {
			m.Left.reshape(n, n)
		} else {
			m.Right.reshape(n, n)
		}
	}
}

// write writes tile (i,j) of a symmetric matrix of n rows, and the same as (j,i), to images.
func (w *packedWork) write(images []Image, i, j, n int, tile []float32) {
	for _, m := range images {
		of := tile
		if m.Scale != 1 || i == j && m.Diagonal != 0 {
			of = w.image[:]
			vector.ScaleTo(of, tile, m.Scale)
		}
		if i == j && m.Diagonal != 0 {
			addDiagonal(of, min(bf16Tile, n-i*bf16Tile), m.Diagonal)
		}
		if m.Left != nil {
			m.Left.write(i, j, of)
		} else {
			m.Right.write(i, j, of)
		}
	}
}

// addDiagonal adds v to the first n elements of the diagonal of a tile.
func addDiagonal(tile []float32, n int, v float32) {
	for i := range n {
		tile[i*bf16Tile+i] += v
	}
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

// Triangle is a symmetric matrix of n rows: its tiles on and below the diagonal, in float32.
type Triangle struct {
	n     int
	tiles []float32 // [tiles][32][32], those of a row one after the other
}

func (t *Triangle) tile(i, j int) []float32 {
	return t.tiles[(i*(i+1)/2+j)*tileValues:][:tileValues]
}

// Mul makes t the product l r, which must be symmetric but for rounding.
func (t *Triangle) Mul(pool *parallel.Pool, l *Left, r *Right) {
	t.n = l.rows
	size := l.panels() * (l.panels() + 1) / 2 * tileValues
	t.tiles = slices.Grow(t.tiles[:0], size)[:size]
	l.tiles(pool, r, true, func(_ *packedWork, i, j int, tile []float32) { copy(t.tile(i, j), tile) })
}

// SumSquares is the sum of the squares of all elements.
func (t *Triangle) SumSquares() (sum float64) {
	for i := range ceil(t.n, bf16Tile) {
		for j := range i {
			sum += 2 * vector.SumSquares(t.tile(i, j))
		}
		sum += vector.SumSquares(t.tile(i, i))
	}
	return sum
}

// Write writes images of t.
func (t *Triangle) Write(pool *parallel.Pool, images ...Image) {
	reshape(images, t.n)
	pool.Chunks(ceil(t.n, bf16Tile), 1, func(lo, hi int) {
		w := packedWorkPool.Get().(*packedWork)
		defer packedWorkPool.Put(w)
		for i := lo; i < hi; i++ {
			for j := range i + 1 {
				w.write(images, i, j, t.n, t.tile(i, j))
			}
		}
	})
}
