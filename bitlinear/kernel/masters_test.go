package kernel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/quant"
)

func TestAbsMean(t *testing.T) { everyVectorSet(t, testAbsMean) }

func testAbsMean(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	for _, n := range append(lengths, absMeanPart-1, 2*absMeanPart+5) {
		w := spread(r, n)
		if got, want := AbsMean(w), quant.AbsMean(w); math.Abs(float64(got/want-1)) > 1e-7 {
			t.Errorf("AbsMean of %d is %.9g, want %.9g", n, got, want)
		}
	}
}

// Masters are packed as the codes that quant makes of them, under ordinary inverse scales and
// under the largest, which leaves only signs.
func TestPackMasters(t *testing.T) { everyVectorSet(t, testPackMasters) }

func testPackMasters(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 18))
	for _, n := range []int{1, 15, 16, 33} {
		for _, k := range []int{1, 3, 15, 16, 17, 31, 32, 100, 257} {
			w := spread(r, n*k)
			w[0] = 0
			for _, inverse := range []float32{1, 0.3, 1e-3, math.MaxFloat32} {
				q := make([]int8, len(w))
				for i, v := range w {
					q[i] = quant.Ternary(v, inverse)
				}
				want, err := PackTernary(Bits2, n, k, q)
				if err != nil {
					t.Fatal(err)
				}
				got := NewTernary(n, k)
				got.PackMasters(spread(r, n*k), 1) // what lies there before must not show
				got.PackMasters(w, inverse)
				if !bytes.Equal(got.codes, want.codes) {
					t.Fatalf("[%d,%d], inverse %g: not the codes of quant.Ternary", n, k, inverse)
				}
			}
		}
	}
}
