package intmul_test

import (
	"fmt"

	"trit/bitlinear/kernel/intmul"
)

// Two rows of ternary weights, packed into 2 bits each, by the int8 activations of two tokens.
func Example() {
	w, err := intmul.PackTernary(nil, intmul.Bits2, 2, 3, []int8{
		1, 0, -1,
		1, 1, 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := []int8{
		10, 20, 30,
		-1, 2, -3,
	}
	y := make([]int32, 2*2) // [tokens, rows]
	w.MulInt8(nil, y, x, 2)
	fmt.Println(y)
	// Output: [-20 60 2 -2]
}
