package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/internal/float16"
	"trit/internal/parallel"
)

func needBF16(t testing.TB) {
	if !HasBF16() {
		t.Skip("this machine has no matrix registers for bfloat16")
	}
}

// TestGemmBF16 compares with the product of the rounded operands in float64, at edges of
// tiles, panels and steps.
func TestGemmBF16(t *testing.T) {
	needBF16(t)
	r := rand.New(rand.NewPCG(1, 1))
	for _, m := range []int{1, 15, 16, 33, 64, 530} {
		for _, n := range []int{1, 16, 17, 32, 50} {
			for _, k := range []int{1, 2, 31, 32, 33, 100, 300} {
				for _, transA := range []bool{false, true} {
					lda, ldb := k+3, n+2
					if transA {
						lda = m + 3
					}
					a, b := spread(r, lda*max(m, k)), spread(r, ldb*k)
					whole, c := offset(make([]float32, m*n))
					GemmBF16(transA, false, m, n, k, a, lda, b, ldb, c, false)
					for i := range c {
						want, size := 0.0, 0.0
						for p := range k {
							at := i/n*lda + p
							if transA {
								at = p*lda + i/n
							}
							x := rounded(a[at]) * rounded(b[p*ldb+i%n])
							want, size = want+x, size+math.Abs(x)
						}
						if math.Abs(float64(c[i])-want) > 1e-6*size+1e-6 {
							t.Fatalf("transA %v, [%d,%d] by [%d,%d]: element %d is %g, want %g", transA, m, k, k, n, i, c[i], want)
						}
					}
					if whole[2] != 12345 || whole[len(c)+3] != 12345 {
						t.Fatalf("[%d,%d] by [%d,%d]: wrote outside", m, k, k, n)
					}
				}
			}
		}
	}
}

func rounded(v float32) float64 { return float64(float16.BFromBits(float16.BBits(v))) }

// TestGemmBF16IsExactOnIntegers and does not depend on the threads.
func TestGemmBF16IsExactOnIntegers(t *testing.T) {
	needBF16(t)
	defer parallel.SetThreads(0)
	r := rand.New(rand.NewPCG(2, 2))
	const m, n, k = 600, 70, 320
	a, b := make([]float32, m*k), make([]float32, k*n)
	for i := range a {
		a[i] = float32(r.IntN(257) - 128)
	}
	for i := range b {
		b[i] = float32(r.IntN(3) - 1)
	}
	want := make([]float32, m*n)
	Gemm(false, false, m, n, k, a, b, want, false)
	for threads := 1; threads <= 3; threads++ {
		parallel.SetThreads(threads)
		got := make([]float32, m*n)
		GemmBF16(false, false, m, n, k, a, k, b, n, got, false)
		if !slices.Equal(got, want) {
			t.Errorf("%d threads: not the product of the integers", threads)
		}
	}
}
