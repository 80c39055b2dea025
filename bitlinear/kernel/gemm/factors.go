package gemm

import (
	"sync/atomic"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Factors multiply a range of columns of the stored A of a Product, while it is copied or rounded.
type Factors struct {
	Columns int
	Of      []float32 // by stored row
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
