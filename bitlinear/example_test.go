package bitlinear_test

import (
	"fmt"

	"trit/bitlinear"
)

// One token through a BitLinear layer of two outputs: the weights round to 1, -1 and
// to 0, 1, times their mean absolute value of 1.
func Example() {
	layer := bitlinear.NewLinear(&bitlinear.Mode{Ternary: true, Lambda: 1}, &bitlinear.Scratch{}, 1, 2, 2).Func("layer")
	x, w, y := []float32{127, 64}, []float32{1.4, -1.3, 0.2, 1.1}, make([]float32, 2)
	layer.Forward([][]float32{x, w}, y)
	fmt.Println(y)
	// Output: [63 64]
}
