package intgrad_test

import (
	"fmt"

	"trit/bitlinear/kernel/intgrad"
	"trit/bitlinear/kernel/intmul"
)

// Both products of a gradient of one token. Its values are 127 and -64 units, so nothing is left to chance.
func Example() {
	dy := []float32{127, -64}                                                      // [1,2]
	w, _ := intmul.PackTernary(nil, intmul.Bits2, 2, 3, []int8{1, 0, -1, 1, 1, 0}) // [2,3]
	x, dx, dw := []int8{5, 0, -2}, make([]float32, 3), make([]float32, 6)          // [1,3], [1,3], [2,3]
	var g intgrad.Gradient
	g.Begin(intgrad.Layer{Rows: []int{2}, Weights: []float32{1}, Activations: []float32{1}})
	g.SetRow(0, dy)
	g.MulCodes(nil, []*intmul.Ternary{w}, dx)
	g.MulActivations(nil, dy, x, [][]float32{dw}, false)
	fmt.Println(dx, dw)
	// Output: [63 -64 -127] [635 0 -254 -320 0 128]
}
