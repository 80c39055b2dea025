package gemm

import "trit/bitlinear/kernel/vector"

// right is the right side of a product.
type right struct {
	parts      []Rows
	ld         int // distance of rows as stored
	transposed bool
}

// part returns the part of B that holds stored row i, and the row's number in the part.
func (b *right) part(i int) (r *Rows, row int) {
	j := 0
	for ; i >= b.parts[j].Count; j++ {
		i -= b.parts[j].Count
	}
	return &b.parts[j], i
}

// element is element (i,j) of op(B).
func (b *right) element(i, j int) float32 {
	if b.transposed {
		i, j = j, i
	}
	r, row := b.part(i)
	if r.Int8 != nil {
		return float32(r.Int8[row*b.ld+j])
	}
	if r.Source != nil {
		var v [1]float32
		r.Source.Values(v[:], row, j)
		return v[0]
	}
	v := r.F32[row*b.ld+j]
	if !r.Rounding.IsNone() {
		v = vector.Ternary(v, r.Rounding)
	}
	return v
}
