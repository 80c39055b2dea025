package intmul

import (
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

func TestMulInt8IsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, k := range append([]int{128, 256, 384, 32768}, kerneltest.Sizes...) {
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
			w, err := PackTernary(nil, Bits2, n, k, q)
			if err != nil {
				t.Fatal(err)
			}
			for threads := 1; threads <= 2; threads++ {
				dst := make([]int32, m*n+4)
				w.MulInt8(parallel.New(threads), dst, x, m)
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

// TestMulTernaryTogether compares the products of several matrices with the definition.
func TestMulTernaryTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const k = 130
	for _, f := range []Format{Bits2, Bits1_6} {
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
				w, _ := PackTernary(nil, f, n, k, q)
				list, weights = append(list, Output{W: w, Dst: make([]float32, m*n), Factor: factor}), append(weights, q)
			}
			for threads := 1; threads <= 3; threads++ {
				MulTernary(parallel.New(threads), x, m, list...)
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

func TestRescaledSums(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	everyImplementation(t, func(t *testing.T) {
		for _, rows := range []int{13, 16, 32} {
			const width, tokens, row, first = 70, 5, 7, 2
			stride := ceil(rows, blockRows) * blockRows
			s := sums{row, rows, first, tokens, stride, 0, make([]int32, tokens*stride)}
			for i := range s.values {
				s.values[i] = int32(r.Uint32())
			}
			factor := kerneltest.Spread(r, first+tokens)
			got, want := make([]float32, (first+tokens)*width), make([]float32, (first+tokens)*width)
			s.rescaleTo(got, width, factor)
			for token := range tokens {
				vector.Rescale(want[(first+token)*width+row:], s.ofToken(token), factor[first+token])
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d rows: %v, want %v", rows, got, want)
			}
		}
	})
}

func TestSumInt8(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	everyImplementation(t, func(t *testing.T) {
		for _, n := range kerneltest.Lengths {
			x, want := kerneltest.Int8(r, n), int32(0)
			for _, v := range x {
				want += int32(v)
			}
			if got := sumInt8(x); got != want {
				t.Errorf("the sum of %d is %d, want %d", n, got, want)
			}
		}
	})
}
