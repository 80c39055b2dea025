package compare

import (
	"math"
	"testing"
)

// TestLogits compares two rows with their definition, computed from probabilities.
func TestLogits(t *testing.T) {
	a, b := []float32{0, 1, 2, 3, 0, 0}, []float32{0, 1, 2, 0, 3, 0}
	got, err := Logits(a, b, 3)
	if err != nil {
		t.Fatal(err)
	}
	e := math.E
	p, q := math.Pow(e, 3)/(math.Pow(e, 3)+2), 1/(math.Pow(e, 3)+2)
	kl := (p*math.Log(p/q) + q*math.Log(q/p)) / 2
	if got.Tokens != 2 || got.Agree != 1 || math.Abs(got.KL-kl) > 1e-12 || math.Abs(got.RelativeL2-math.Sqrt(18./14)) > 1e-12 {
		t.Errorf("got %+v, want KL %g", got, kl)
	}
	if same, err := Logits(a, a, 3); err != nil || same.Agree != 2 || same.KL != 0 || same.RelativeL2 != 0 {
		t.Errorf("of the same: %+v, %v", same, err)
	}
	for _, vocabulary := range []int{0, 4} {
		if _, err := Logits(a, b, vocabulary); err == nil {
			t.Errorf("a vocabulary of %d was accepted", vocabulary)
		}
	}
	if _, err := Logits(a, b[:3], 3); err == nil {
		t.Error("fewer logits were accepted")
	}
}
