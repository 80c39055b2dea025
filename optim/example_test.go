package optim_test

import (
	"fmt"
	"log"
	"math"

	"trit/optim"
)

// Steps of AdamW on the loss (x-3)^2/2, whose gradient x-3 is clipped to a length of 1.
func ExampleAdamW() {
	params := []optim.Param{{Name: "x", Value: []float32{0}}}
	a, err := optim.NewAdamW(0.9, 0.95, 1e-8, optim.MomentsFloat32, params)
	if err != nil {
		log.Fatal(err)
	}
	for range 200 {
		grad := []float32{params[0].Value[0] - 3}
		scale := optim.ClipScale(math.Sqrt(optim.SumSquares(grad)), 1)
		a.Begin()
		a.Update(0, 0, len(grad), grad, float32(scale), 0.05, 0)
	}
	fmt.Printf("x is %.1f after %d steps\n", params[0].Value[0], a.StepCount)
	// Output: x is 3.0 after 200 steps
}
