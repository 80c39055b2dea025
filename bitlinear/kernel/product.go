package kernel

import (
	"fmt"

	"trit/internal/parallel"
)

// Rows are consecutive rows of the right side of a Product, in one of the forms that
// training has at hand.
type Rows struct {
	Count   int
	F32     []float32 // [Count,N] values, or with Inverse master weights
	Inverse float32   // not 0: the ternary values of F32 are meant, as TernarizeFloat makes them
	Int8    []int8    // [Count,N], instead of F32
}

// Product is C = diag(RowFactor) op(A) op(B) in row-major matrices, whose right side and
// result may lie in several places: so the gradients of a layer are one product for all its
// weights, and nothing is copied but panels on their way to the core. An element's sum does
// not depend on the number of threads, nor on where B and C are cut.
type Product struct {
	M, N, K    int
	A          []float32   // op(A) is [M,K]
	LDA        int         // distance of the rows of A as stored
	TransA     bool        // A is stored [K,M]
	B          []Rows      // together [K,N], one below the other
	TransB     bool        // B is stored [N,K]: rows of K values, in float32 only
	C          [][]float32 // consecutive ranges of rows of the result, together [M,N]
	RowFactor  []float32   // [M], nil for ones; the float32 sums are multiplied by it
	Accumulate bool        // add to C
}

// Float32 computes the product in float32.
func (p *Product) Float32() {
	p.check()
	g := p.gemm()
	g.run()
}

// BF16 computes the product of operands rounded to bfloat16, with sums in float32: integers
// up to 256 are exact. It is for machines of which HasBF16 is true.
func (p *Product) BF16() {
	p.check()
	if !HasBF16() {
		p.refuse("this machine has no instructions for bfloat16")
	}
	g := p.gemm()
	g.bf16()
}

func (p *Product) gemm() gemm {
	ldb := p.N
	if p.TransB {
		ldb = p.K
	}
	return gemm{
		a: newMatrix(p.A, p.LDA, p.TransA), b: right{p.B, ldb, p.TransB},
		c: result{p.C, p.N, p.RowFactor, p.Accumulate},
		m: p.M, n: p.N, k: p.K,
	}
}

func (p *Product) refuse(format string, args ...any) {
	panic(fmt.Sprintf("kernel: product of [%d,%d] by [%d,%d]: ", p.M, p.K, p.K, p.N) + fmt.Sprintf(format, args...))
}

// check refuses what would read or write outside of the slices.
func (p *Product) check() {
	if p.M < 1 || p.N < 1 || p.K < 1 {
		p.refuse("want at least one row, column and value")
	}
	p.checkA()
	p.checkB()
	size := 0
	for _, c := range p.C {
		if len(c)%p.N != 0 {
			p.refuse("a part of C holds %d values, want rows of %d", len(c), p.N)
		}
		size += len(c)
	}
	if size != p.M*p.N {
		p.refuse("C holds %d values, want %d", size, p.M*p.N)
	}
	if p.RowFactor != nil && len(p.RowFactor) != p.M {
		p.refuse("%d row factors, want %d", len(p.RowFactor), p.M)
	}
}

func (p *Product) checkA() {
	width := p.K
	if p.TransA {
		width = p.M
	}
	if a := newMatrix(p.A, p.LDA, p.TransA); p.LDA < width || len(p.A) < a.size(p.M, p.K) {
		p.refuse("A holds %d values in rows %d apart, want %d in rows of %d", len(p.A), p.LDA, a.size(p.M, p.K), width)
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
		case r.Count < 0 || values != r.Count*width || len(r.F32) > 0 && len(r.Int8) > 0:
			p.refuse("%d rows of B hold %d values in float32 and %d in int8, want %d in one of them", r.Count, len(r.F32), len(r.Int8), r.Count*width)
		case len(r.Int8) > 0 && r.Inverse != 0:
			p.refuse("rows of B in int8 are to be made ternary: only float32 can be")
		case p.TransB && (len(r.Int8) > 0 || r.Inverse != 0):
			p.refuse("rows of a transposed B are not plain float32")
		}
		count += r.Count
	}
	if count != rows {
		p.refuse("B has %d rows, want %d", count, rows)
	}
}

// right is the right side of a product.
type right struct {
	parts      []Rows
	ld         int // distance of rows as stored
	transposed bool
}

// part is the rows that row i of B as stored belongs to, and its number among them.
func (b *right) part(i int) (r *Rows, at int) {
	j := 0
	for ; i >= b.parts[j].Count; j++ {
		i -= b.parts[j].Count
	}
	return &b.parts[j], i
}

// at is element (i,j) of op(B).
func (b *right) at(i, j int) float32 {
	if b.transposed {
		i, j = j, i
	}
	r, row := b.part(i)
	if r.Int8 != nil {
		return float32(r.Int8[row*b.ld+j])
	}
	v := r.F32[row*b.ld+j]
	if r.Inverse != 0 {
		v = ternaryFloat(v, r.Inverse)
	}
	return v
}

// result is the left side of a product: C, in parts of rows of n values.
type result struct {
	parts      [][]float32
	n          int
	factor     []float32
	accumulate bool
}

// from is C from row i on as far as it lies in one piece.
func (c *result) from(i int) []float32 {
	at, j := i*c.n, 0
	for ; at >= len(c.parts[j]); j++ {
		at -= len(c.parts[j])
	}
	return c.parts[j][at:]
}

// store writes sums [rows][tileCols], of which cols are meant, times the rows' factors to
// the rows of C from i on and the columns from j on, or adds them.
func (c *result) store(sums []float32, i, j, rows, cols int, add bool) {
	for rows > 0 {
		dst := c.from(i)
		n := min(rows, len(dst)/c.n)
		factor := ones[:n]
		if c.factor != nil {
			factor = c.factor[i:][:n]
		}
		storeSums(dst[j:], c.n, sums, factor, cols, add)
		sums, i, rows = sums[n*tileCols:], i+n, rows-n
	}
}

// ones are the factors of rows without.
var ones = func() (list [bf16Rows]float32) {
	for i := range list {
		list[i] = 1
	}
	return list
}()

// storeSums writes dst[r*width+j] = sums[r*tileCols+j]*factor[r] for columns j below cols,
// or adds it to dst.
func storeSums(dst []float32, width int, sums, factor []float32, cols int, add bool) {
	_ = dst[(len(factor)-1)*width+cols-1]
	_ = sums[(len(factor)-1)*tileCols+cols-1]
	vector, plain := chosenVectors.storeSums, storeSumsGeneric
	if add {
		vector, plain = chosenVectors.addSums, addSumsGeneric
	}
	if cols == tileCols && vector != nil {
		vector(len(factor), &dst[0], width, &sums[0], &factor[0])
		return
	}
	plain(dst, width, sums, factor, cols)
}

func storeSumsGeneric(dst []float32, width int, sums, factor []float32, cols int) {
	for r, f := range factor {
		row := dst[r*width:][:cols]
		for j, v := range sums[r*tileCols:][:cols] {
			row[j] = v * f
		}
	}
}

func addSumsGeneric(dst []float32, width int, sums, factor []float32, cols int) {
	for r, f := range factor {
		row := dst[r*width:][:cols]
		for j, v := range sums[r*tileCols:][:cols] {
			row[j] += v * f
		}
	}
}

// run computes the product in float32.
func (g *gemm) run() {
	// A thread is worth while from about 2^18 multiplications on.
	grain := max(1, 1<<18/max(g.n*g.k, 1)/tileRows)
	parallel.For((g.m+tileRows-1)/tileRows, grain, func(lo, hi int) {
		g.rows(lo*tileRows, min(hi*tileRows, g.m))
	})
}
