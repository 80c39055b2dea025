package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The published vector: q[i] = (i%3)-1 packs to 24 49 92 repeating.
func TestPackI2SPublishedVector(t *testing.T) {
	q, got := make([]int8, 128), make([]byte, 32)
	for i := range q {
		q[i] = int8(i%3) - 1
	}
	if err := PackI2S(got, q); err != nil {
		t.Fatal(err)
	}
	for i, b := range got {
		if want := []byte{0x24, 0x49, 0x92}[i%3]; b != want {
			t.Fatalf("byte %d is %#x, want %#x", i, b, want)
		}
	}
	back := make([]int8, 128)
	if err := UnpackI2S(back, got); err != nil || !slices.Equal(back, q) {
		t.Fatalf("unpack gave %v, %v", back, err)
	}
}

func TestI2SRejects(t *testing.T) {
	if PackI2S(make([]byte, 31), make([]int8, 124)) == nil || UnpackI2S(make([]int8, 124), make([]byte, 31)) == nil {
		t.Error("a length that is no multiple of 128 was accepted")
	}
	bad := make([]byte, 32)
	bad[7] = 0b00110000
	if UnpackI2S(make([]int8, 128), bad) == nil {
		t.Error("code 3 was accepted")
	}
}

func TestRoundingIsHalfToEven(t *testing.T) {
	for _, c := range []struct {
		w    float32
		want int8
	}{{0.5, 0}, {-0.5, 0}, {0.51, 1}, {-0.51, -1}, {1.5, 1}, {-9, -1}, {0, 0}} {
		if got := Ternary(c.w, 1); got != c.want {
			t.Errorf("Ternary(%g) = %d, want %d", c.w, got, c.want)
		}
	}
	q := make([]int8, 4)
	if s := Activations(q, []float32{127, 0.5, 1.5, -2.5}); s != 1 || !slices.Equal(q, []int8{127, 0, 2, -2}) {
		t.Errorf("Activations gave %v, scale %g", q, s)
	}
}

// By hand: the mean of 1, 1, 2, 0 and 6 is 2, so one is sqrt(7)/2 = 1.32 steps.
func TestActivations4(t *testing.T) {
	q := make([]int8, 5)
	s := Activations4(q, []float32{1, -1, 2, 0, -6})
	if math.Abs(float64(s)-1.3228757) > 1e-6 || !slices.Equal(q, []int8{1, -1, 3, 0, -8}) {
		t.Errorf("Activations4 gave %v, scale %g", q, s)
	}
	if Activations4(q, []float32{100, 0, 0, 0, 0}); q[0] != 7 {
		t.Errorf("an outlier is %d, want 7", q[0])
	}
	if s := Activations4(q, make([]float32, 5)); math.IsInf(float64(s), 0) || slices.Max(q) != 0 {
		t.Errorf("zeros gave %v, scale %g", q, s)
	}
}

func TestZerosStayFinite(t *testing.T) {
	q := make([]int8, 8)
	if s := Weights(q, make([]float32, 8)); s != 1e-5 || slices.Max(q) != 0 {
		t.Errorf("zero weights gave %v, scale %g", q, s)
	}
	if s := Activations(q, make([]float32, 8)); math.IsInf(float64(s), 0) || slices.Max(q) != 0 {
		t.Errorf("zero activations gave %v, scale %g", q, s)
	}
}

func TestAbsMeanSplitsNormalWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w, q := make([]float32, 1<<16), make([]int8, 1<<16)
	for i := range w {
		w[i] = float32(r.NormFloat64() * 0.02)
	}
	scale := Weights(q, w)
	if want := 0.02 * math.Sqrt(2/math.Pi); math.Abs(float64(scale)/want-1) > 0.01 {
		t.Errorf("scale %g, want about %g", scale, want)
	}
	zeros := 0
	for _, v := range q {
		if v == 0 {
			zeros++
		}
	}
	// P(|w| < 0.5*mean|w|) of a normal variable is erf(0.5*sqrt(2/pi)/sqrt(2)) = 0.310.
	if share := float64(zeros) / float64(len(q)); math.Abs(share-0.310) > 0.01 {
		t.Errorf("share of zeros %.3f, want 0.310", share)
	}
}

func TestRoundingIsThatOfWeightsAndSigns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w, centred := make([]float32, 1000), make([]float32, 1000)
	for i := range w {
		w[i] = float32(r.NormFloat64()*0.02 + 0.01)
	}
	w[7] = 0.5
	nearest, signs := make([]int8, len(w)), make([]int8, len(w))
	scale, mean := Weights(nearest, w), Mean(w)
	Signs(signs, w)
	for i, v := range w {
		centred[i] = v - mean
		if got := ToNearest(1 / scale).Ternary(v); got != nearest[i] {
			t.Errorf("%g is rounded to %d, want %d", v, got, nearest[i])
		}
		if got := ToSign().Ternary(centred[i]); got != signs[i] {
			t.Errorf("the sign of %g is %d, want %d", centred[i], got, signs[i])
		}
	}
	if !(Rounding{}).IsNone() || ToSign().IsNone() || ToNearest(0).IsNone() {
		t.Error("only the zero value is no rounding")
	}
}
