package intmul

import (
	"math"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
)

func TestInt4Tiles(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, on := range implementations() {
		for _, k := range []int{1, 5, 8, 9, 31, 128, 2561} {
			for _, n := range []int{1, 16, 21, 64, 200} {
				for _, m := range []int{1, 2, 3, 7, 25} {
					w, _ := NewInt4(nil, n, k, make([]float32, k), func(dst []float32, i int) {
						for j := range dst {
							dst[j] = float32(r.NormFloat64())
						}
					})
					x, got := make([]int8, m*k), make([]int32, m*n)
					fillTernary(r, nil, x, m == 7)
					multiply(nil, w.product(&on, func(s sums) { s.copyTo(got, n) }), x, m)
					for i := range got {
						want := int32(0)
						for c, v := range x[i/n*k:][:k] {
							want += w.code(i%n, c) * int32(v)
						}
						if got[i] != want {
							t.Fatalf("%s: n %d k %d m %d: value %d is %d, want %d", on.name, n, k, m, i, got[i], want)
						}
					}
				}
			}
		}
	}
}

func (w *Int4) code(row, col int) int32 {
	b := w.codes[row/blockRows*w.blockBytes()+col/8*lineBytes+row%blockRows*4+col%4]
	return int32(b >> (col / 4 % 2 * 4) & 15)
}

// TestInt4ErrorIsWithinHalfAStep also checks that the dither makes the error even:
// its mean is 0 and its variance step^2/12 for any distribution of weights.
func TestInt4ErrorIsWithinHalfAStep(t *testing.T) {
	const n, k = 64, 2048
	r := rand.New(rand.NewPCG(5, 5))
	dither, rows := make([]float32, k), make([]float32, n*k)
	for i := range dither {
		dither[i] = r.Float32() - 0.5
	}
	for i := range rows {
		rows[i] = float32(i%3 - 1) // without a dither these would all err the same way
		if i%k == 0 {
			rows[i] = 1.7
		}
	}
	w, _ := NewInt4(nil, n, k, dither, func(dst []float32, i int) { copy(dst, rows[i*k:][:k]) })
	sum, squares := 0.0, 0.0
	for i, v := range rows {
		e := float64(v/w.Steps[i/k]) - (float64(w.code(i/k, i%k)) - 7.5 - float64(dither[i%k]))
		if math.Abs(e) > 0.5+1e-5 {
			t.Fatalf("weight %d errs by %g steps", i, e)
		}
		sum, squares = sum+e, squares+e*e
	}
	if mean, variance := sum/(n*k), squares/(n*k); math.Abs(mean) > 0.02 || math.Abs(variance*12-1) > 0.05 {
		t.Errorf("mean %g, 12 times the variance %g: want 0 and 1", mean, 12*variance)
	}
}

func TestInt4Codes(t *testing.T) { everyImplementation(t, testInt4Codes) }

func testInt4Codes(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, k := range []int{1, 7, 8, 9, 16, 31, 33, 130} {
		dither, values := make([]float32, k), kerneltest.Spread(r, k)
		for i := range dither {
			dither[i] = r.Float32() - 0.5
		}
		w, _ := NewInt4(nil, 17, k, dither, func(dst []float32, i int) {
			copy(dst, values)
			dst[i%k] = 100 // the largest, so the step is 100/7
		})
		for i := range 17 {
			for c, v := range values {
				if c == i%k {
					v = 100
				}
				if want := min(15, max(0, int32(v*(1/w.Steps[i])+8+dither[c]))); w.code(i, c) != want {
					t.Fatalf("k %d: code of %g is %d, want %d", k, v, w.code(i, c), want)
				}
			}
		}
	}
}
