package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// sizes lie around powers of two and around the tiles of the products.
var sizes = []int{1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 127, 129}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
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

func TestGemmAgainstFloat64(t *testing.T) {
	for _, implementation := range tileImplementations() {
		t.Run(implementation.name, func(t *testing.T) {
			defer func(c tileImplementation) { chosen = c }(chosen)
			chosen = implementation
			testGemm(t)
		})
	}
}

func testGemm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	defer parallel.SetThreads(0)
	for range 200 {
		m, n, k := sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))]
		transA, transB, accumulate := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
		a, b, start := normal(r, m*k), normal(r, k*n), normal(r, m*n+8)
		want := reference(transA, transB, m, n, k, a, b)
		var first []float32
		for threads := 1; threads <= 3; threads++ {
			parallel.SetThreads(threads)
			c := slices.Clone(start)
			Gemm(transA, transB, m, n, k, a, b, c, accumulate)
			name := fmt.Sprintf("m %d n %d k %d transA %v transB %v accumulate %v threads %d", m, n, k, transA, transB, accumulate, threads)
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
func TestGemmIsExactOnIntegers(t *testing.T) {
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
	Gemm(false, true, m, n, k, a, b, c, false)
	for i := range m {
		for j := range n {
			if want := quant.Dot(ai[i*k:][:k], bi[j*k:][:k]); c[i*n+j] != float32(want) {
				t.Fatalf("[%d,%d] is %g, want %d", i, j, c[i*n+j], want)
			}
		}
	}
}

func TestQuantizeActivationsIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range sizes {
		x := normal(r, n)
		x[r.IntN(n)] *= 50
		got, want := make([]int8, n), make([]int8, n)
		s, ws := QuantizeActivations(got, x), quant.Activations(want, x)
		if s != ws || !slices.Equal(got, want) {
			t.Fatalf("n %d: %v scale %g, want %v scale %g", n, got, s, want, ws)
		}
		w, tern := make([]float32, n), make([]int8, n)
		scale := quant.Weights(tern, x)
		TernarizeFloat(w, x, 1/scale)
		for i := range w {
			if w[i] != float32(tern[i]) {
				t.Fatalf("n %d: ternary %v, want %v", n, w, tern)
			}
		}
	}
}

func TestMulInt8IsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	defer parallel.SetThreads(0)
	for _, k := range append([]int{128, 256, 384, 32768}, sizes...) {
		for _, n := range []int{1, 3, 16, 33} {
			m := 1 + r.IntN(4)
			q, x := make([]int8, n*k), make([]int8, m*k)
			for i := range q {
				q[i] = int8(r.IntN(3) - 1)
			}
			for i := range x {
				x[i] = int8(r.IntN(256) - 128)
			}
			if n == 3 { // extremes: every product of the same sign and largest
				for i := range q {
					q[i] = 1
				}
				for i := range x {
					x[i] = -128
				}
			}
			w, err := PackTernary(Bits2, n, k, q)
			if err != nil {
				t.Fatal(err)
			}
			for threads := 1; threads <= 2; threads++ {
				parallel.SetThreads(threads)
				dst := make([]int32, m*n+4)
				w.MulInt8(dst, x, m)
				for i := range m * n {
					if want := quant.Dot(x[i/n*k:][:k], q[i%n*k:][:k]); dst[i] != want {
						t.Fatalf("n %d k %d: element %d is %d, want %d", n, k, i, dst[i], want)
					}
				}
				if slices.Max(dst[m*n:]) != 0 {
					t.Fatal("wrote beyond the result")
				}
			}
		}
	}
}

// TestPackI2S packs the same weights from both forms.
func TestPackI2S(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, k := range []int{128, 256, 640, 2560} {
		const n = 35
		q := make([]int8, n*k)
		fillTernary(r, q, nil, false)
		codes := make([]byte, n*k/4)
		quant.PackI2S(codes, q)
		for _, f := range []Format{Bits2, Bits16} {
			want, _ := PackTernary(f, n, k, q)
			got, err := PackI2S(f, n, k, codes)
			if err != nil || !bytes.Equal(got.codes, want.codes) {
				t.Errorf("k %d, %v: not the codes of PackTernary, %v", k, f, err)
			}
		}
		codes[k/4+3] |= 0x30
		if _, err := PackI2S(Bits2, n, k, codes); err == nil || !strings.Contains(err.Error(), "byte 3 is") {
			t.Errorf("k %d: code 3 gives %v", k, err)
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct{ m, n, k int }{{2048, 256, 256}, {2048, 768, 256}, {256, 768, 2048}, {1024, 4096, 256}} {
		b.Run(fmt.Sprintf("%dx%dx%d", s.m, s.n, s.k), func(b *testing.B) {
			x, w, y := make([]float32, s.m*s.k), make([]float32, s.n*s.k), make([]float32, s.m*s.n)
			for b.Loop() {
				Gemm(false, true, s.m, s.n, s.k, x, w, y, false)
			}
			b.ReportMetric(2*float64(s.m*s.n*s.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func TestExp(t *testing.T) {
	for x := float32(-90); x < 90; x += 0.0137 {
		want := math.Exp(float64(x))
		if x < -86.5 {
			want = 0
		} else if x > 88.7 {
			continue
		}
		if got := float64(Exp(x)); math.Abs(got-want) > 3e-7*want {
			t.Fatalf("Exp(%g) = %g, want %g", x, got, want)
		}
	}
	if !math.IsInf(float64(Exp(100)), 1) || !math.IsNaN(float64(Exp(float32(math.NaN())))) {
		t.Error("Exp(100) is not infinite or Exp(NaN) is not NaN")
	}
}

// TestMulTernaryTogether compares the products of several matrices with the definition.
func TestMulTernaryTogether(t *testing.T) {
	defer parallel.SetThreads(0)
	r := rand.New(rand.NewPCG(7, 7))
	const k = 130
	for _, f := range []Format{Bits2, Bits16} {
		for _, m := range []int{1, 2, 11, 40} {
			x, factor := make([]int8, m*k), make([]float32, m)
			fillTernary(r, nil, x, false)
			for i := range factor {
				factor[i] = 1 + float32(i)
			}
			var list []Output
			var weights [][]int8
			for _, n := range []int{200, 1, 64, 33} {
				q := make([]int8, n*k)
				fillTernary(r, q, nil, false)
				w, _ := PackTernary(f, n, k, q)
				list, weights = append(list, Output{W: w, Dst: make([]float32, m*n), Factor: factor}), append(weights, q)
			}
			for threads := 1; threads <= 3; threads++ {
				parallel.SetThreads(threads)
				MulTernary(x, m, list...)
				for i, o := range list {
					n := o.W.N
					for j, got := range o.Dst {
						want := float32(quant.Dot(x[j/n*k:][:k], weights[i][j%n*k:][:k])) * factor[j/n]
						if got != want {
							t.Fatalf("%v, m %d, matrix %d: value %d is %g, want %g", f, m, i, j, got, want)
						}
					}
					clear(o.Dst)
				}
			}
		}
	}
}
