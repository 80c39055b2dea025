// Package kerneltest has the helpers that the tests of several kernel packages share: operands,
// guards around results, and the figures of benchmarks.
package kerneltest

import (
	"math/rand/v2"
	"slices"
)

// Lengths are lengths of vectors around multiples of the 16 lanes of a register.
var Lengths = []int{0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 1000}

// Sizes are sizes of matrices around powers of two and around the tiles of the products.
var Sizes = []int{1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 127, 129}

// Normal gives n values of a normal distribution with standard deviation 1.
func Normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// Spread gives values of both signs whose squares stay in range.
func Spread(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64() * 4)
	}
	return v
}

// Int8 gives n values from the whole range.
func Int8(r *rand.Rand, n int) []int8 {
	v := make([]int8, n)
	for i := range v {
		v[i] = int8(r.IntN(256) - 128)
	}
	return v
}

// Guard is the value of the elements beside a guarded part.
const Guard = 12345

const guards = 3

// Guarded returns a copy of v between guards: whole is all of it, part is the copy, which begins in
// the middle of a register.
func Guarded(v []float32) (whole, part []float32) {
	whole = slices.Repeat([]float32{Guard}, len(v)+2*guards)
	copy(whole[guards:], v)
	return whole, whole[guards:][:len(v)]
}

// Intact reports whether all guards of a guarded copy have their value.
func Intact(whole []float32) bool {
	written := func(v float32) bool { return v != Guard }
	return !slices.ContainsFunc(whole[:guards], written) && !slices.ContainsFunc(whole[len(whole)-guards:], written)
}
