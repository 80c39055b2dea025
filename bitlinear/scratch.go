package bitlinear

import "trit/bitlinear/kernel"

// Scratch is memory that the layers of a graph use one after the other. The zero value
// is ready.
type Scratch struct {
	packed  map[[3]int]*kernel.Ternary // by rows, columns, and place among weights side by side
	weights []float32
}

// pack rounds a weight [n,k] into the layout of the forward product.
func (s *Scratch) pack(n, k, place int, w kernel.Rows) *kernel.Ternary {
	key := [3]int{n, k, place}
	if s.packed == nil {
		s.packed = map[[3]int]*kernel.Ternary{}
	}
	if s.packed[key] == nil {
		s.packed[key] = kernel.NewTernary(n, k)
	}
	s.packed[key].PackMasters(w.F32, w.Inverse)
	return s.packed[key]
}

// floats is memory for so many values.
func (s *Scratch) floats(n int) []float32 {
	if len(s.weights) < n {
		s.weights = make([]float32, n)
	}
	return s.weights
}
