// Package testutil holds what the tests of several packages share.
package testutil

import (
	"flag"
	"math"
)

// Golden is the file of the -golden flag: a training golden to test instead of the
// ones of the repository.
var Golden = flag.String("golden", "", "test against this training golden (safetensors)")

// RelativeL2 is the Euclidean norm of got - want over the norm of want. If want is zero, it is the
// norm of got; if the lengths differ, it is infinite.
func RelativeL2(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, norm float64
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		diff += d * d
		norm += float64(w) * float64(w)
	}
	if norm == 0 {
		return math.Sqrt(diff)
	}
	return math.Sqrt(diff / norm)
}
