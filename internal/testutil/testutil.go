// Package testutil holds what the tests of several packages share.
package testutil

import (
	"flag"
	"math"
)

// Golden is the file of the -golden flag: a training golden to test instead of the
// ones of the repository.
var Golden = flag.String("golden", "", "test against this training golden (safetensors)")

// RelativeL2 is |got - want| over |want|, both Euclidean: |got| where want is zero, and infinite
// where the lengths differ.
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
