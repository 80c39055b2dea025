package bitlinear

import (
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/internal/parallel"
)

// Scratch is memory that the layers of a graph use one after the other. The zero value
// is ready.
type Scratch struct {
	packed map[[3]int]*intmul.Ternary // by rows, columns, and index of the weight in its layer
	values [purposes][]float32
}

// purpose is what a part of the scratch is for. Parts that are in use at the same time have
// different purposes.
type purpose int

const (
	roundedWeights purpose = iota
	mergedWeights
	mergedGrads
	lowRankGrads
	droppedInput
	scales
	deadzoneSums
	purposes
)

// pack rounds weight i of a layer, [n,k], into the layout of the forward product.
func (s *Scratch) pack(pool *parallel.Pool, n, k, i int, w gemm.Rows) *intmul.Ternary {
	key := [3]int{n, k, i}
	if s.packed == nil {
		s.packed = map[[3]int]*intmul.Ternary{}
	}
	if s.packed[key] == nil {
		s.packed[key] = intmul.NewTernary(n, k)
	}
	s.packed[key].PackMasters(pool, w.F32, w.Rounding)
	return s.packed[key]
}

// floats returns memory for n values, or more.
func (s *Scratch) floats(p purpose, n int) []float32 {
	if len(s.values[p]) < n {
		s.values[p] = memory.Make[float32](n)
	}
	return s.values[p]
}
