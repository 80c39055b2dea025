package gemm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/kernel/vector"
	"trit/internal/float16"
)

// everyBF16 runs a test with each engine for bfloat16 of this machine.
func everyBF16(t *testing.T, test func(t *testing.T)) {
	if !HasBF16() {
		t.Skip("this machine has no instructions for bfloat16")
	}
	defer func(e engine) { chosenBF16 = e }(chosenBF16)
	for _, chosenBF16 = range engines() {
		t.Run(chosenBF16.name, test)
	}
}

func rounded(v float32) float64 { return float64(float16.BFromBits(float16.BBits(v))) }

// TestBF16IsExactOnIntegers: a backward product of ternary weights loses nothing but what is
// rounded off dY.
func TestBF16IsExactOnIntegers(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 2))
		const m, n, k = 600, 70, 320
		a, b := make([]float32, m*k), make([]int8, k*n)
		for i := range a {
			a[i] = float32(r.IntN(257) - 128)
		}
		copy(b, kerneltest.Int8(r, len(b)))
		got, want := make([]float32, m*n), make([]float32, m*n)
		p := Product{M: m, N: n, K: k, A: a, LDA: k, B: []Rows{{Count: k, Int8: b}}, C: [][]float32{got}}
		p.BF16(nil)
		wide := make([]float32, len(b))
		vector.WidenInt8(wide, b)
		Mul(nil, false, false, m, n, k, a, wide, want, false)
		if !slices.Equal(got, want) {
			t.Error("not the product of the integers")
		}
	})
}

func TestBF16IsRefusedWithoutInstructions(t *testing.T) {
	defer func(e engine) { chosenBF16 = e }(chosenBF16)
	chosenBF16 = engine{}
	p := Product{M: 1, N: 1, K: 1, A: []float32{1}, LDA: 1, B: []Rows{{Count: 1, F32: []float32{1}}}, C: [][]float32{{0}}}
	want := "gemm: product of [1,1] by [1,1]: this machine has no instructions for bfloat16"
	if got := panicked(func() { p.BF16(nil) }); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Attention multiplies columns of wider matrices, also transposed, and adds up.
func TestMulBF16OneThread(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 6))
		for _, n := range []int{1, 31, 64, 100} {
			for _, transB := range []bool{false, true} {
				const m, k = 37, 70
				lda, ldb := k+5, n+9
				if transB {
					ldb = k + 9
				}
				a, b := kerneltest.Spread(r, lda*m), kerneltest.Spread(r, ldb*max(n, k))
				whole, c := kerneltest.Guarded(make([]float32, m*n))
				for i := range c {
					c[i] = 3
				}
				MulBF16OneThread(false, transB, m, n, k, a, lda, b, ldb, c, true)
				for i := range c {
					want, size := 3.0, 3.0
					for p := range k {
						at := p*ldb + i%n
						if transB {
							at = i%n*ldb + p
						}
						x := rounded(a[i/n*lda+p]) * rounded(b[at])
						want, size = want+x, size+math.Abs(x)
					}
					if math.Abs(float64(c[i])-want) > 1e-6*size+1e-6 {
						t.Fatalf("transB %v, n %d: element %d is %g, want %g", transB, n, i, c[i], want)
					}
				}
				if !kerneltest.Intact(whole) {
					t.Fatalf("n %d: wrote outside", n)
				}
			}
		}
	})
}
