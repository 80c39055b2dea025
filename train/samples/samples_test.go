package samples

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Tokens are drawn with the probabilities of the softmax.
func TestChoose(t *testing.T) {
	logits := []float32{0, float32(math.Log(2)), float32(math.Log(5))}
	random, counts := rand.New(rand.NewPCG(3, 4)), make([]float64, 3)
	const n = 20000
	for range n {
		counts[choose(logits, 1, random)]++
	}
	for i, want := range []float64{0.125, 0.25, 0.625} {
		if math.Abs(counts[i]/n-want) > 0.01 {
			t.Errorf("token %d: %.3f of the draws, want %.3f", i, counts[i]/n, want)
		}
	}
	for _, temperature := range []float64{0, 0.01} {
		if got := choose(logits, temperature, random); got != 2 {
			t.Errorf("temperature %g: token %d, want the likeliest, 2", temperature, got)
		}
	}
}
