package intmul

import (
	"fmt"
	"slices"
	"sync"

	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Ternary is a ternary weight matrix [N,K] in the layout of the product; see Format.
type Ternary struct {
	N, K   int
	format Format
	codes  []byte // [blocks][lines][16 rows][4]
}

// PackTernary packs weights q [n,k] of -1, 0 and +1.
func PackTernary(pool *parallel.Pool, f Format, n, k int, q []int8) (*Ternary, error) {
	if len(q) != n*k {
		return nil, fmt.Errorf("intmul: %d ternary values for a matrix of %d by %d", len(q), n, k)
	}
	return packRows(pool, f, n, k, func(quads []uint32, i int) error {
		quadsOf(quads, q[i*k:][:k])
		return nil
	})
}

// PackI2S packs the I2_S codes of a matrix [n,k], row by row, so that no more than a
// row is ever unpacked.
func PackI2S(pool *parallel.Pool, f Format, n, k int, codes []byte) (*Ternary, error) {
	if len(codes) != n*k/4 || k%quant.BlockValues != 0 {
		return nil, fmt.Errorf("intmul: %d bytes of I2_S for a matrix of %d by %d", len(codes), n, k)
	}
	return packRows(pool, f, n, k, func(quads []uint32, i int) error { return quadsOfI2S(quads, codes[i*k/4:][:k/4]) })
}

// NewTernary makes a matrix of 2-bit weights, to be filled by PackMasters.
func NewTernary(n, k int) *Ternary { return newTernary(Bits2, n, k) }

// PackMasters replaces the weights, of 2 bits, by the ternary values of masters [N,K] under a rounding,
// as vector.Ternarize makes them.
func (w *Ternary) PackMasters(pool *parallel.Pool, masters []float32, r quant.Rounding) {
	pool.For(ceil(w.N, blockRows), 1+1<<13/(blockRows*w.K), func(lo, hi int) {
		buffer := quadsPool.Get().(*[]uint32)
		defer quadsPool.Put(buffer)
		*buffer = slices.Grow((*buffer)[:0], ceil(w.K, 4))[:ceil(w.K, 4)]
		for b := lo; b < hi; b++ {
			rows := masters[b*blockRows*w.K : min((b+1)*blockRows, w.N)*w.K]
			w.packBlock(w.codes[b*w.blockBytes():][:w.blockBytes()], rows, r, *buffer)
		}
	})
}

// packBlock packs up to 16 rows of masters: whole groups of columns of a whole block together, the others
// row by row.
func (w *Ternary) packBlock(block []byte, rows []float32, r quant.Rounding, quads []uint32) {
	groups := 0
	if chosen.ternaryBlock != nil && len(rows) == blockRows*w.K {
		groups = w.K / groupCols
	}
	if groups > 0 {
		chosen.ternaryBlock(groups, &block[0], &rows[0], w.K, r.Factor())
	}
	first := groups * groupCols
	if first == w.K {
		return
	}
	quads = quads[:ceil(w.K-first, 4)]
	for i := range len(rows) / w.K {
		quadsOfMasters(quads, rows[i*w.K+first:(i+1)*w.K], r)
		packBits2(block[groups*lineBytes+4*i:], quads)
	}
}

// packRows packs the n rows whose codes the function gives.
func packRows(pool *parallel.Pool, f Format, n, k int, row func(quads []uint32, i int) error) (*Ternary, error) {
	w := newTernary(f, n, k)
	return w, w.packRows(pool, row)
}

func (w *Ternary) packRows(pool *parallel.Pool, row func(quads []uint32, i int) error) error {
	var once sync.Once
	var failed error
	pool.For(w.N, blockRows, func(lo, hi int) {
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
	w.codes = memory.Allocate(ceil(n, blockRows) * w.blockBytes())
	return w
}

// Format is the form of the weights in memory.
func (w *Ternary) Format() Format { return w.format }

// Packed is the weights in their form in memory, to be read alone.
func (w *Ternary) Packed() []byte { return w.codes }

// Bytes is the memory of the weights.
func (w *Ternary) Bytes() int { return len(w.codes) }

func (w *Ternary) blockBytes() int {
	return ceil(w.K, w.format.unit()) * w.format.unit() / w.format.lineCols() * lineBytes
}

// setRow packs row i.
func (w *Ternary) setRow(i int, quads []uint32) {
	row := w.codes[i/blockRows*w.blockBytes()+i%blockRows*4:]
	if w.format == Bits1_6 {
		packTrits(row, quads)
		return
	}
	packBits2(row, quads)
}

// MulInt8 computes dst[m,N] = x[m,K] times the transposed weights, in int32, equal
// to quant.Dot to the bit.
func (w *Ternary) MulInt8(pool *parallel.Pool, dst []int32, x []int8, m int) {
	multiply(pool, w.product(&chosen, func(s sums) { s.copyTo(dst, w.N) }), x, m)
}

// Output is the destination of a product with W: Dst[t*Stride+n] = float32(sum)*Factor[t].
type Output struct {
	W      *Ternary
	Dst    []float32
	Factor []float32
	Stride int // 0: W.N
}

// rescale writes sums to the destination.
func (o *Output) rescale(s sums) { s.rescaleTo(o.Dst, o.Stride, o.Factor) }

// together is the memory of a MulTernary, which is kept: training has thousands of them in a step.
type together struct {
	outputs  []Output
	products []product
}

var togetherPool = sync.Pool{New: func() any { return new(together) }}

func (t *together) release() {
	clear(t.outputs)
	clear(t.products)
	togetherPool.Put(t)
}

// MulTernary multiplies x [m,K] by several matrices of K columns and one format, in one
// loop over all of their rows.
func MulTernary(pool *parallel.Pool, x []int8, m int, list ...Output) {
	t := togetherPool.Get().(*together)
	defer t.release()
	t.outputs, t.products = append(t.outputs[:0], list...), t.products[:0]
	for i := range t.outputs {
		o := &t.outputs[i]
		if o.W.K != list[0].W.K || o.W.format != list[0].W.format {
			panic(fmt.Sprintf("intmul: matrices of %d columns in %v and of %d in %v have no product together",
				list[0].W.K, list[0].W.format, o.W.K, o.W.format))
		}
		if o.Stride == 0 {
			o.Stride = o.W.N
		}
		t.products = append(t.products, o.W.product(&chosen, o.rescale))
	}
	multiplyTogether(pool, t.products, x, m)
}

// product is the description of w for multiply, on an implementation.
func (w *Ternary) product(on *implementation, emit func(s sums)) product {
	p := product{
		on: on, n: w.N, k: w.K, unit: w.format.unit(), weights: w.codes, blockBytes: w.blockBytes(), bias: 1,
		tiles: on.ternary, bytes: on.ternaryBytes, emit: emit,
	}
	if w.format == Bits1_6 {
		p.tiles, p.packedCols, p.widen, p.bytes = on.trits, tritsCols, widenTrits, on.tritsBytes
	}
	return p
}
