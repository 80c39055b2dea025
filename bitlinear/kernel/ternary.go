package kernel

import (
	"fmt"
	"slices"
	"sync"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// A packed matrix is made of blocks of 16 rows, since a register holds 16 sums, and
// groups of 16 columns. The 64 bytes of a group hold four bytes of 2-bit codes a row:
// byte j has the columns j, 4+j, 8+j and 12+j from its low bits up, so that one shift
// and one mask give four columns of all 16 rows in the order that the product reads.
const (
	blockRows = 16
	groupCols = 16
	groupSize = 64
)

// Format is how many bits a ternary weight takes in memory.
type Format int

const (
	Bits2  Format = iota // four weights a byte
	Bits16               // five weights a byte, 1.6 bits each: see trits.go
)

func (f Format) String() string { return [...]string{"2 bits", "1.6 bits"}[f] }

// unit is what the number of columns is filled up to a multiple of.
func (f Format) unit() int { return [...]int{groupCols, tritsUnit}[f] }

// lineCols is how many columns of 16 rows 64 bytes hold.
func (f Format) lineCols() int { return [...]int{groupCols, tritsCols}[f] }

// Ternary is a ternary weight matrix [N,K] in the layout of the product.
type Ternary struct {
	N, K   int
	format Format
	codes  []byte // [blocks][lines][16 rows][4]
}

// PackTernary packs weights q [n,k] of -1, 0 and +1.
func PackTernary(f Format, n, k int, q []int8) (*Ternary, error) {
	if len(q) != n*k {
		return nil, fmt.Errorf("kernel: %d ternary values for a matrix of %d by %d", len(q), n, k)
	}
	return packRows(f, n, k, func(quads []uint32, i int) error {
		quadsOf(quads, q[i*k:][:k])
		return nil
	})
}

// PackI2S packs the I2_S codes of a matrix [n,k], row by row, so that no more than a
// row is ever unpacked.
func PackI2S(f Format, n, k int, codes []byte) (*Ternary, error) {
	if len(codes) != n*k/4 || k%quant.BlockValues != 0 {
		return nil, fmt.Errorf("kernel: %d bytes of I2_S for a matrix of %d by %d", len(codes), n, k)
	}
	return packRows(f, n, k, func(quads []uint32, i int) error { return quadsOfI2S(quads, codes[i*k/4:][:k/4]) })
}

// NewTernary makes a matrix of 2-bit weights, to be filled by PackMasters.
func NewTernary(n, k int) *Ternary { return newTernary(Bits2, n, k) }

// PackMasters replaces the weights by the ternary values of masters w [N,K] under an
// inverse scale, as TernarizeFloat makes them.
func (w *Ternary) PackMasters(masters []float32, inverse float32) {
	clear(w.codes)
	_ = w.packRows(func(quads []uint32, i int) error {
		quadsOfMasters(quads, masters[i*w.K:][:w.K], inverse)
		return nil
	})
}

// packRows packs the n rows whose codes the function gives, on several threads.
func packRows(f Format, n, k int, row func(quads []uint32, i int) error) (*Ternary, error) {
	w := newTernary(f, n, k)
	return w, w.packRows(row)
}

func (w *Ternary) packRows(row func(quads []uint32, i int) error) error {
	var once sync.Once
	var failed error
	parallel.For(w.N, blockRows, func(lo, hi int) {
		buffer := quadsPool.Get().(*[]uint32)
		defer quadsPool.Put(buffer)
		quads := slices.Grow((*buffer)[:0], ceil(w.K, 4))[:ceil(w.K, 4)]
		*buffer = quads
		for i := lo; i < hi; i++ {
			if err := row(quads, i); err != nil {
				once.Do(func() { failed = err })
				return
			}
			w.setRow(i, quads)
		}
	})
	return failed
}

var quadsPool = sync.Pool{New: func() any { return new([]uint32) }}

func newTernary(f Format, n, k int) *Ternary {
	w := &Ternary{N: n, K: k, format: f}
	w.codes = allocate(ceil(n, blockRows) * w.blockBytes())
	return w
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

// Format is how the weights lie in memory.
func (w *Ternary) Format() Format { return w.format }

// Bytes is the memory of the weights.
func (w *Ternary) Bytes() int { return len(w.codes) }

func (w *Ternary) blockBytes() int {
	return ceil(w.K, w.format.unit()) * w.format.unit() / w.format.lineCols() * groupSize
}

// setRow packs row i.
func (w *Ternary) setRow(i int, quads []uint32) {
	row := w.codes[i/blockRows*w.blockBytes()+i%blockRows*4:]
	if w.format == Bits16 {
		packTrits(row, quads)
		return
	}
	packBits2(row, quads)
}

// MulInt8 computes dst[m,N] = x[m,K] times the transposed weights, in int32, equal
// to quant.Dot to the bit.
func (w *Ternary) MulInt8(dst []int32, x []int8, m int) {
	mulTiles(w.over(ternaryTiles, func(s sums) { s.copyTo(dst, w.N) }), x, m)
}

// Output is where a product with W goes: Dst[t*Stride+n] = float32(sum)*Factor[t].
type Output struct {
	W      *Ternary
	Dst    []float32
	Factor []float32
	Stride int // 0: W.N
}

// MulTernary multiplies x [m,K] by several matrices of K columns and one format, in one
// loop over all of their rows.
func MulTernary(x []int8, m int, list ...Output) {
	products := make([]product, len(list))
	for i, o := range list {
		if o.W.K != list[0].W.K || o.W.format != list[0].W.format {
			panic(fmt.Sprintf("kernel: matrices of %d columns in %v and of %d in %v have no product together", list[0].W.K, list[0].W.format, o.W.K, o.W.format))
		}
		if o.Stride == 0 {
			o.Stride = o.W.N
		}
		products[i] = o.W.over(ternaryTiles, func(s sums) { s.rescaleTo(o.Dst, o.Stride, o.Factor) })
	}
	mulTogether(products, x, m)
}

func (w *Ternary) over(tiles []tile, emit func(s sums)) product {
	p := product{n: w.N, k: w.K, unit: w.format.unit(), weights: w.codes, blockBytes: w.blockBytes(), bias: 1, tiles: tiles, bytes: ternaryBytes, emit: emit}
	if w.format == Bits16 {
		p.tiles, p.widen, p.bytes = tritsTiles(tiles), widenTrits, tritsBytes
	}
	return p
}
