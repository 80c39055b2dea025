package gemm

import (
	"fmt"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Rows are consecutive rows of the right side of a Product, in one of the forms that training
// uses.
type Rows struct {
	Count int
	F32   []float32 // [Count,N] values, or with Rounding master weights
	Int8  []int8    // [Count,N], instead of F32
	// Rounding, unless it is none, makes ternary values of the master weights F32, as
	// vector.Ternarize does.
	Rounding quant.Rounding
	Source   Source // instead of F32 and Int8
}

// Source is a matrix in a form of its own, such as two bits a value. A product reads it in small
// pieces, so that it never stands in memory in float32.
type Source interface {
	// Values writes the values of a row from column col on, over the length of dst. It may be
	// called by several goroutines.
	Values(dst []float32, row, col int)
}

// PairSource is a Source that can write its values in bfloat16 as a product reads them.
type PairSource interface {
	Source
	// BF16Pairs writes dst[p][j] = the values of rows row+2p and row+2p+1 in column col+j, little-endian,
	// for 16 columns j. It may be called by several goroutines, and writes nothing and reports false
	// where it has no such values.
	BF16Pairs(dst []byte, pairs, row, col int) bool
}

// Product is C = diag(RowFactor) op(A) op(B) in row-major matrices. B and C may consist of several
// parts, so that the gradients of all weights of a layer are one product and nothing but panels is
// copied. The sum of an element does not depend on the number of threads, nor on the parts.
type Product struct {
	M, N, K    int
	A          []float32   // op(A) is [M,K]
	LDA        int         // distance of the stored rows of A
	TransA     bool        // A is stored [K,M]
	AFactors   []Factors   // of the stored A, ranges of columns one beside the other; nil for ones
	Left       *Panels     // the stored A in bfloat16, instead of A; for BF16 alone
	B          []Rows      // together [K,N], one below the other
	TransB     bool        // B is stored [N,K]: rows of K values, in float32 or of a Source
	C          [][]float32 // consecutive ranges of rows of the result, together [M,N]
	LDC        int         // distance of the rows of C, which is one part then; 0: N
	RowFactor  []float32   // [M], nil for ones; the float32 sums are multiplied by it
	Accumulate bool        // add to C
	Late       bool        // C is read late, when the caches hold other things: it is written past them
}

// Float32 computes the product in float32, on the threads of a pool.
func (p *Product) Float32(pool *parallel.Pool) {
	p.check()
	if p.Left != nil {
		p.refuse("the left side is in bfloat16, and the product in float32")
	}
	g := p.product()
	if p.AFactors != nil {
		scaled := p.scaledA(pool)
		defer scaledRoom.Store(scaled)
		_, width := p.storedA()
		g.a = newMatrix(*scaled, width, p.TransA)
	}
	g.run(pool)
}

// BF16 computes the product of operands rounded to bfloat16, with sums in float32; integers up to
// 256 are exact in bfloat16. HasBF16 must be true.
func (p *Product) BF16(pool *parallel.Pool) {
	p.check()
	if !HasBF16() {
		p.refuse("this machine has no instructions for bfloat16")
	}
	g := p.product()
	if g.left = p.Left; p.AFactors != nil || g.left == nil && p.byStrips() {
		g.left = panelsPool.Get().(*Panels)
		defer panelsPool.Put(g.left)
		p.packA(g.left, pool)
	}
	if p.byStrips() {
		g.bf16Strips(pool)
		return
	}
	g.bf16(pool)
}

// byStrips reports whether the product in bfloat16 is computed strip by strip of columns: so many more than
// rows of A that each thread packs those of B that it multiplies, and all of them read the same panels of A.
func (p *Product) byStrips() bool { return !p.TransA && 8*p.M <= p.N }

func (p *Product) product() product {
	ldb := p.N
	if p.TransB {
		ldb = p.K
	}
	return product{
		a: newMatrix(p.A, p.LDA, p.TransA), b: right{p.B, ldb, p.TransB},
		c: result{p.C, p.ldc(), p.RowFactor, p.Accumulate, p.Late},
		m: p.M, n: p.N, k: p.K,
	}
}

func (p *Product) refuse(format string, args ...any) {
	panic(fmt.Sprintf("gemm: product of [%d,%d] by [%d,%d]: ", p.M, p.K, p.K, p.N) + fmt.Sprintf(format, args...))
}

// check panics if the product would read or write outside of the slices.
func (p *Product) check() {
	if p.M < 1 || p.N < 1 || p.K < 1 {
		p.refuse("want at least one row, column and value")
	}
	p.checkA()
	p.checkB()
	p.checkC()
	if p.RowFactor != nil && len(p.RowFactor) != p.M {
		p.refuse("%d row factors, want %d", len(p.RowFactor), p.M)
	}
}

func (p *Product) ldc() int {
	if p.LDC > 0 {
		return p.LDC
	}
	return p.N
}

func (p *Product) checkC() {
	size, want := 0, (p.M-1)*p.ldc()+p.N
	for _, c := range p.C {
		if p.LDC == 0 && len(c)%p.N != 0 {
			p.refuse("a part of C holds %d values, want rows of %d", len(c), p.N)
		}
		size += len(c)
	}
	if p.LDC > 0 && (p.LDC < p.N || len(p.C) != 1) {
		p.refuse("C is %d parts in rows %d apart, want one in rows of %d", len(p.C), p.LDC, p.N)
	}
	if size != want {
		p.refuse("C holds %d values, want %d", size, want)
	}
}

func (p *Product) checkA() {
	rows, width := p.storedA()
	if p.Left != nil {
		if p.A != nil || p.AFactors != nil || p.Left.rows != rows || p.Left.cols != width {
			p.refuse("the left side is panels of [%d,%d], want [%d,%d] and no A", p.Left.rows, p.Left.cols, rows, width)
		}
		return
	}
	if a := newMatrix(p.A, p.LDA, p.TransA); p.LDA < width || len(p.A) < a.size(p.M, p.K) {
		p.refuse("A holds %d values in rows %d apart, want %d in rows of %d", len(p.A), p.LDA, a.size(p.M, p.K), width)
	}
	columns := 0
	for _, f := range p.AFactors {
		if len(f.Of) != rows || f.Columns < 0 {
			p.refuse("%d factors of %d columns of A, want %d", len(f.Of), f.Columns, rows)
		}
		columns += f.Columns
	}
	if p.AFactors != nil && columns != width {
		p.refuse("%d columns of A have factors, want %d", columns, width)
	}
}

func (p *Product) checkB() {
	rows, width := p.K, p.N
	if p.TransB {
		rows, width = width, rows
	}
	count := 0
	for _, r := range p.B {
		values := len(r.F32) + len(r.Int8)
		switch {
		case r.Source != nil && r.Count >= 0 && values == 0 && r.Rounding.IsNone():
		case r.Source != nil || r.Count < 0 || values != r.Count*width || len(r.F32) > 0 && len(r.Int8) > 0:
			p.refuse("%d rows of B hold %d values in float32 and %d in int8, want %d in one of them",
				r.Count, len(r.F32), len(r.Int8), r.Count*width)
		case len(r.Int8) > 0 && !r.Rounding.IsNone():
			p.refuse("rows of B in int8 are to be made ternary: only float32 can be")
		case p.TransB && (len(r.Int8) > 0 || !r.Rounding.IsNone()):
			p.refuse("rows of a transposed B are not plain float32")
		}
		count += r.Count
	}
	if count != rows {
		p.refuse("B has %d rows, want %d", count, rows)
	}
}
