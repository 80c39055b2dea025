package vector_test

import (
	"fmt"

	"trit/bitlinear/kernel/vector"
)

// The softmax of three logits: exponentials below the largest logit, then their share of the sum.
func Example() {
	logits := []float32{1, 3, 2}
	sum := vector.ExpScaled(logits, 1, vector.Max(logits))
	vector.Scale(1/sum, logits)
	fmt.Printf("%.3f\n", logits)
	// Output: [0.090 0.665 0.245]
}
