package quant_test

import (
	"fmt"

	"trit/bitlinear/quant"
)

// A row of weights becomes -1, 0 and +1 with one scale, a token's activations become int8 with
// another, and their product is computed in integers and rescaled once.
func Example() {
	weights := []float32{0.9, -0.1, -0.7, 0.4}
	ternary := make([]int8, len(weights))
	weightScale := quant.Weights(ternary, weights)

	x := []float32{1, 2, -3, 0.5}
	codes := make([]int8, len(x))
	activationScale := quant.Activations(codes, x)

	sum := quant.Dot(codes, ternary)
	fmt.Println(ternary, codes, sum)
	fmt.Printf("%.3f\n", float32(sum)*quant.Rescale(weightScale, activationScale))
	// Output:
	// [1 0 -1 1] [42 85 -127 21] 190
	// 2.356
}

// 128 ternary values take 32 bytes.
func ExamplePackI2S() {
	values := make([]int8, quant.BlockValues)
	values[0], values[1] = 1, -1
	packed := make([]byte, quant.BlockBytes)
	if err := quant.PackI2S(packed, values); err != nil {
		fmt.Println(err)
	}
	back := make([]int8, quant.BlockValues)
	if err := quant.UnpackI2S(back, packed); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(packed), back[:4])
	// Output: 32 [1 -1 0 0]
}
