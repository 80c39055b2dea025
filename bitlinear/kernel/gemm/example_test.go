package gemm_test

import (
	"fmt"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/quant"
)

// The gradient of an input through ternary weights: float32 by the roundings of master weights,
// which are made while the product packs them.
func Example() {
	dy := []float32{2, 3} // [1,2]
	masters := []float32{ // [2,3]
		0.9, -0.1, 0.4,
		-0.7, 0.8, 0.2,
	}
	dx := make([]float32, 3) // [1,3]
	p := gemm.Product{
		M: 1, N: 3, K: 2, A: dy, LDA: 2,
		B: []gemm.Rows{{Count: 2, F32: masters, Rounding: quant.ToNearest(2)}},
		C: [][]float32{dx},
	}
	p.Float32(nil) // nil: a thread for each processor
	fmt.Println(dx)
	// Output: [-1 3 2]
}

func ExampleMul() {
	a := []float32{1, 2, 3, 4} // [2,2]
	b := []float32{1, 0, 1, 1} // [2,2]
	c := make([]float32, 4)
	gemm.Mul(nil, false, false, 2, 2, 2, a, b, c, false)
	fmt.Println(c)
	// Output: [3 2 7 4]
}
