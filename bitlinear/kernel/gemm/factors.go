package gemm

import (
	"sync/atomic"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Factors multiply a range of columns of the stored A of a Product, so that a scaled copy of A need
// not be made: A is read twice for the gradients of a layer, and once more for each copy.
type Factors struct {
	Columns int
	Of      []float32 // by stored row
}

// factors are those of all columns; nil for ones.
type factors []Factors

// at returns the factors by row of the columns [lo,hi), and whether these have the same.
func (f factors) at(lo, hi int) (of []float32, same bool) {
	if f == nil {
		return nil, true
	}
	i := 0
	for ; lo >= f[i].Columns; i++ {
		lo, hi = lo-f[i].Columns, hi-f[i].Columns
	}
	return f[i].Of, hi <= f[i].Columns
}

// element is element (i,j) of a matrix.
func (m matrix) element(i, j int) float32 {
	v := m.data[i*m.row+j*m.col]
	if m.factors == nil {
		return v
	}
	if m.transposed {
		i, j = j, i
	}
	of, _ := m.factors.at(j, j+1)
	return v * of[i]
}

// storedA is the shape of A as it is stored.
func (p *Product) storedA() (rows, width int) {
	if p.TransA {
		return p.K, p.M
	}
	return p.M, p.K
}

// scaledRoom keeps what the last scaledA has made: one is large, and a step of training has thousands.
var scaledRoom atomic.Pointer[[]float32]

// scaledA is the stored A times its factors, without gaps. A product in float32 packs A again for each block
// of columns, so factors are cheaper in a pass of their own.
func (p *Product) scaledA(pool *parallel.Pool) *[]float32 {
	rows, width := p.storedA()
	scaled := scaledRoom.Swap(nil)
	if scaled == nil || cap(*scaled) < rows*width {
		scaled = new(make([]float32, rows*width))
	}
	*scaled = (*scaled)[:rows*width]
	pool.For(rows, 1+1<<13/width, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			dst, src := (*scaled)[r*width:][:width], p.A[r*p.LDA:][:width]
			for _, f := range p.AFactors {
				vector.ScaleTo(dst[:f.Columns], src[:f.Columns], f.Of[r])
				dst, src = dst[f.Columns:], src[f.Columns:]
			}
		}
	})
	return scaled
}
