package intmul

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/quant"
	"trit/internal/float16"
	"trit/internal/parallel"
)

// Grouped is a weight matrix [N,K] of one or two bits a weight with a scale for each group of
// columns of a row. The int32 sum of a part, which is a group or half of one, is multiplied by the
// scale of the token's activations and by the weights', and added to the parts before; see
// quant.GroupDot. Codes are laid out as in Ternary. The scales are an array of their own, so that
// lines of codes stay lines of the cache.
type Grouped struct {
	N, K   int
	part   int
	signs  bool
	codes  []byte   // [blocks][lines][16 rows][4]
	scales []uint16 // [blocks/4][parts][4 blocks][16 rows], in half precision, as quads read them
}

// Weights of a row, before they are packed: a code, weight plus one, a byte each, and the scales of
// its groups in half precision.
type Weights struct {
	Codes  []byte
	Scales []uint16
}

// GroupedForm says how a matrix is grouped.
type GroupedForm struct {
	Group int  // columns under a scale: 64, or a multiple of 128
	Signs bool // codes are 0 and 2 alone, and take a bit in memory
}

// GroupedRows is where the rows of a matrix come from.
type GroupedRows struct {
	Row  func(dst Weights, i int) error // called on several threads
	Done func(lo, hi int)               // called after the rows [lo,hi) were packed; may be nil
}

// PackGrouped packs a matrix [n,k]. It takes some megabytes of rows at a time, so that a file of
// them need not be in memory beside the matrix.
func PackGrouped(pool *parallel.Pool, f GroupedForm, n, k int, rows GroupedRows) (*Grouped, error) {
	w, err := newGrouped(f, n, k)
	if err != nil {
		return nil, err
	}
	w.scales = halves(memory.Allocate(w.scaleBytes()))
	step := ceil(packBytes, w.blockBytes()) * blockRows
	for lo := 0; lo < n; lo += step {
		hi := min(lo+step, n)
		if err := w.pack(pool, f.Group, lo, hi, rows.Row); err != nil {
			return nil, err
		}
		if rows.Done != nil {
			rows.Done(lo, hi)
		}
	}
	return w, nil
}

// packBytes is about how many bytes are packed at a time.
const packBytes = 8 << 20

// pack packs the rows [first,end).
func (w *Grouped) pack(pool *parallel.Pool, group, first, end int, row func(dst Weights, i int) error) error {
	var once sync.Once
	var failed error
	pool.For(end-first, blockRows, func(lo, hi int) {
		buffer, quads := Weights{make([]byte, w.K), make([]uint16, w.K/group)}, make([]uint32, w.K/4)
		for i := first + lo; i < first+hi; i++ {
			err := row(buffer, i)
			if err == nil {
				err = w.setRow(i, buffer, quads)
			}
			if err != nil {
				once.Do(func() { failed = err })
				return
			}
		}
	})
	return failed
}

// newGrouped makes a matrix without scales.
func newGrouped(f GroupedForm, n, k int) (*Grouped, error) {
	if f.Group != 64 && f.Group%quant.ActivationGroup != 0 || f.Group == 0 || k%f.Group != 0 || n < 1 || k < 1 {
		return nil, fmt.Errorf("intmul: a matrix of %d by %d in groups of %d: want groups of 64 or of a multiple of %d, "+
			"and columns that fill them", n, k, f.Group, quant.ActivationGroup)
	}
	w := &Grouped{N: n, K: k, part: min(f.Group, quant.ActivationGroup), signs: f.Signs}
	w.codes = memory.Allocate(ceil(n, blockRows) * w.blockBytes())
	return w, nil
}

func (w *Grouped) scaleBytes() int {
	const rows = quadBlocks * blockRows
	return ceil(w.N, rows) * rows * w.parts() * 2
}

// halves are the values in half precision that some bytes hold.
func halves(data []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/2)
}

// Row writes the weights of row i to dst [K].
func (w *Grouped) Row(dst []float32, i int) {
	row, line := w.codes[i/blockRows*w.blockBytes()+i%blockRows*4:], w.lineCols()
	for c := range dst {
		code, quad := row[c/line*lineBytes+c%4], c%line/4
		if w.signs {
			code = code >> quad & 1 * 2
		} else {
			code = code >> (2 * quad) & 3
		}
		dst[c] = (float32(code) - 1) * float16.FromBits(w.scalesAt(i, c/w.part)[0])
	}
}

func (w *Grouped) parts() int { return w.K / w.part }

func (w *Grouped) lineCols() int {
	if w.signs {
		return signsCols
	}
	return groupCols
}

func (w *Grouped) blockBytes() int { return w.K / w.lineCols() * lineBytes }

// scalesAt is the scales of row i and the rows after it in its quad, for a part.
func (w *Grouped) scalesAt(i, part int) []uint16 {
	const rows = quadBlocks * blockRows
	return w.scales[(i/rows*w.parts()+part)*rows+i%rows:][:rows-i%rows]
}

// Bytes is the memory of the weights.
func (w *Grouped) Bytes() int { return len(w.codes) + 2*len(w.scales) }

// setRow packs row i.
func (w *Grouped) setRow(i int, from Weights, quads []uint32) error {
	for j := range quads {
		c := from.Codes[4*j:][:4]
		quads[j] = uint32(c[0]) | uint32(c[1])<<8 | uint32(c[2])<<16 | uint32(c[3])<<24
	}
	row := w.codes[i/blockRows*w.blockBytes()+i%blockRows*4:]
	if w.signs {
		if slices.Contains(from.Codes, 1) || slices.Contains(from.Codes, 3) {
			return fmt.Errorf("intmul: row %d holds a weight that is no sign", i)
		}
		packSigns(row, quads)
	} else {
		packBits2(row, quads)
	}
	perScale := w.parts() / len(from.Scales)
	for p := range w.parts() {
		w.scalesAt(i, p)[0] = from.Scales[p/perScale]
	}
	return nil
}

// GroupedOutput is the destination [m,W.N] of a product with W.
type GroupedOutput struct {
	W   *Grouped
	Dst []float32
}

// MulGrouped multiplies x [m,K] by several matrices of K columns; neighbours of one form in one loop
// over all of their rows. factor [ceil(K/128)][m] has what a unit of x is worth, for each group of
// quant.ActivationGroup columns and each token.
func MulGrouped(pool *parallel.Pool, x []int8, factor []float32, m int, list ...GroupedOutput) {
	for len(list) > 0 {
		var products []product
		for _, o := range list {
			if first := list[0].W; o.W.part != first.part || o.W.signs != first.signs {
				break
			}
			products = append(products, o.product(&chosen, factor, m))
		}
		multiplyTogether(pool, products, x, m)
		list = list[len(products):]
	}
}

// product is the description of o for multiply, on an implementation.
func (o GroupedOutput) product(on *implementation, factor []float32, m int) product {
	w, scaled := o.W, &scaled{o, factor, m}
	p := product{
		on: on, n: w.N, k: w.K, unit: groupCols, group: w.part, weights: w.codes, blockBytes: w.blockBytes(), bias: 1,
		tiles: on.ternary, packedCols: groupCols, bytes: on.ternaryBytes, emit: scaled.add, scaled: scaled,
	}
	if w.signs {
		p.tiles, p.packedCols, p.widen, p.bytes = on.signs, signsCols, widenSigns, on.signsBytes
	}
	return p
}
