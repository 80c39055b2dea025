package gemm

import "trit/bitlinear/kernel/vector"

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
	if !r.Rounding.IsNone() {
		v = vector.Ternary(v, r.Rounding)
	}
	return v
}
