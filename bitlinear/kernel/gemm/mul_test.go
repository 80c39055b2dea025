package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// everyImplementation runs a test with each implementation of the float32 product.
func everyImplementation(t *testing.T, test func(t *testing.T)) {
	defer func(i implementation) { chosen = i }(chosen)
	for _, chosen = range implementations() {
		t.Run(chosen.name, test)
	}
}

// reference is op(A) op(B) in float64.
func reference(transA, transB bool, m, n, k int, a, b []float32) []float64 {
	c := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for p := range k {
				av, bv := a[i*k+p], b[p*n+j]
				if transA {
					av = a[p*m+i]
				}
				if transB {
					bv = b[j*k+p]
				}
				c[i*n+j] += float64(av) * float64(bv)
			}
		}
	}
	return c
}

func TestMulAgainstFloat64(t *testing.T) { everyImplementation(t, testMul) }

func testMul(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		size := func() int { return kerneltest.Sizes[r.IntN(len(kerneltest.Sizes))] }
		m, n, k := size(), size(), size()
		transA, transB, accumulate := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
		a, b, start := kerneltest.Normal(r, m*k), kerneltest.Normal(r, k*n), kerneltest.Normal(r, m*n+8)
		want := reference(transA, transB, m, n, k, a, b)
		var first []float32
		for threads := 1; threads <= 3; threads++ {
			c := slices.Clone(start)
			Mul(parallel.New(threads), transA, transB, m, n, k, a, b, c, accumulate)
			name := fmt.Sprintf("m %d n %d k %d transA %v transB %v accumulate %v threads %d",
				m, n, k, transA, transB, accumulate, threads)
			if !slices.Equal(c[m*n:], start[m*n:]) {
				t.Fatalf("%s: wrote beyond the matrix", name)
			}
			if first == nil {
				first = c
			} else if !slices.Equal(c, first) {
				t.Fatalf("%s: other bits than with one thread", name)
			}
			for i := range want {
				w := want[i]
				if accumulate {
					w += float64(start[i])
				}
				// Rounding of k terms of size about one: 2^-24 a term, with room for luck.
				if math.Abs(float64(c[i])-w) > 1e-6*float64(k+8) {
					t.Fatalf("%s: element %d is %g, want %g", name, i, c[i], w)
				}
			}
		}
	}
}

// Training's forward product relies on integers in float32 being exact.
func TestMulIsExactOnIntegers(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const m, n, k = 5, 37, 8192
	a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
	ai, bi := make([]int8, m*k), make([]int8, n*k)
	for i := range a {
		ai[i] = int8(r.IntN(256) - 128)
		a[i] = float32(ai[i])
	}
	for i := range b {
		bi[i] = int8(r.IntN(3) - 1)
		b[i] = float32(bi[i])
	}
	Mul(nil, false, true, m, n, k, a, b, c, false)
	for i := range m {
		for j := range n {
			if want := quant.Dot(ai[i*k:][:k], bi[j*k:][:k]); c[i*n+j] != float32(want) {
				t.Fatalf("[%d,%d] is %g, want %d", i, j, c[i*n+j], want)
			}
		}
	}
}
