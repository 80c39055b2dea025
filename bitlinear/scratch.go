package bitlinear

import (
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intgrad"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
)

// Scratch is memory that the layers of a graph use one after the other. The zero value
// is ready.
type Scratch struct {
	codes  map[[3]int]*intmul.Ternary // by rows, columns, and index of the weight in its layer
	values [purposes][]float32
	// Grad is the gradient of the output of a layer or of the head, if they compute in bfloat16.
	Grad     gemm.Panels
	int8Grad intgrad.Gradient // of the output of a layer, with Mode.Int8Gradients
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

// packed is memory for the codes of weight i of a layer, [n,k].
func (s *Scratch) packed(n, k, i int) *intmul.Ternary {
	key := [3]int{n, k, i}
	if s.codes == nil {
		s.codes = map[[3]int]*intmul.Ternary{}
	}
	if s.codes[key] == nil {
		s.codes[key] = intmul.NewTernary(n, k)
	}
	return s.codes[key]
}

// floats returns memory for n values, or more.
func (s *Scratch) floats(p purpose, n int) []float32 {
	if len(s.values[p]) < n {
		s.values[p] = memory.Make[float32](n)
	}
	return s.values[p]
}
