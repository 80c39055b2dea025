package gemm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/internal/parallel"
)

// integers are few enough that sums and squares of them are exact in bfloat16.
func integers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		if r.IntN(8) == 0 {
			x[i] = float32(r.IntN(5) - 2)
		}
	}
	return x
}

func transposed(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for i := range rows {
		for j := range cols {
			y[j*rows+i] = x[i*cols+j]
		}
	}
	return y
}

// eachPacked runs a test for each engine, for sizes that fill tiles, chunks and groups of panels, and that do not.
func eachPacked(t *testing.T, test func(t *testing.T, pool *parallel.Pool, r *rand.Rand, n int)) {
	everyBF16(t, func(t *testing.T) {
		for _, n := range []int{1, 31, 32, 65, 288, 545} {
			if testing.Short() && n > 500 {
				continue
			}
			for _, threads := range []int{1, 3} {
				t.Run(fmt.Sprintf("%d/%d", n, threads), func(t *testing.T) {
					test(t, parallel.New(threads), rand.New(rand.NewPCG(5, uint64(n))), n)
				})
			}
		}
	})
}

// product is a b in float64, [m,k] by [k,n].
func product64(a, b []float32, m, k, n int) []float32 {
	c := make([]float32, m*n)
	for i := range m {
		row := make([]float64, n)
		for l := range k {
			if v := float64(a[i*k+l]); v != 0 {
				for j := range n {
					row[j] += v * float64(b[l*n+j])
				}
			}
		}
		for j, v := range row {
			c[i*n+j] = float32(v)
		}
	}
	return c
}

func TestPackedMul(t *testing.T) {
	eachPacked(t, func(t *testing.T, pool *parallel.Pool, r *rand.Rand, n int) {
		const m, k = 70, 300
		a, b := integers(r, m*k), integers(r, k*n)
		want := product64(a, b, m, k, n)
		for _, trans := range []bool{false, true} {
			var left Panels
			var right Right
			x, y := a, b
			if trans {
				x, y = transposed(a, m, k), transposed(b, k, n)
			}
			left.Pack(pool, x, m, k, trans)
			right.Pack(pool, y, k, n, trans)
			guarded := make([]float32, m*n+64)
			left.Mul(pool, &right, guarded[32:][:m*n:m*n])
			if !slices.Equal(guarded[32:][:m*n], want) {
				t.Errorf("transposed %v: not the product of the integers", trans)
			}
			if outside := slices.Concat(guarded[:32], guarded[32+m*n:]); !slices.Equal(outside, make([]float32, 64)) {
				t.Errorf("transposed %v: wrote outside of the result", trans)
			}
		}
	})
}

// What a Triangle makes of a square of a symmetric matrix, and its sides, hold the whole of it.
func TestTriangle(t *testing.T) {
	eachPacked(t, func(t *testing.T, pool *parallel.Pool, r *rand.Rand, n int) {
		s, one, sum := make([]float32, n*n), make([]float32, n*n), 0.0
		for i := range n {
			one[i*n+i] = 1
			for range 2 {
				j, v := r.IntN(n), float32(r.IntN(5)-2)
				s[i*n+j], s[j*n+i] = v, v
			}
		}
		square := product64(s, s, n, n, n)
		combined, shifted, scaled := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
		for i, v := range square {
			sum += float64(v) * float64(v)
			combined[i], shifted[i], scaled[i] = 2*v-3*s[i], v+5*one[i], -0.5*v
		}
		var left, leftOne, leftSide Panels
		var right, rightOne, rightSide Right
		left.Pack(pool, s, n, n, false)
		right.Pack(pool, s, n, n, false)
		leftOne.Pack(pool, one, n, n, false)
		rightOne.Pack(pool, one, n, n, false)
		var plain, of, made Triangle
		plain.Mul(pool, &left, &rightOne)
		of.Mul(pool, &left, &right)
		if got := of.SumSquares(); got != sum {
			t.Errorf("the sum of the squares is %g, want %g", got, sum)
		}
		for name, c := range map[string]struct {
			make func(sides ...Side)
			want []float32
		}{
			"a x + b l r": {func(sides ...Side) { made.Combine(pool, -3, &plain, 2, &left, &right, sides...) }, combined},
			"x + v I":     {func(sides ...Side) { made.AddIdentity(&of, 5, sides...) }, shifted},
			"f x":         {func(sides ...Side) { made.AddIdentity(&of, 0); made.Scale(-0.5, sides...) }, scaled},
		} {
			c.make(&leftSide, &rightSide)
			got := make([]float32, n*n)
			if leftSide.Mul(pool, &rightOne, got); !slices.Equal(got, c.want) {
				t.Errorf("%s: the left side is another matrix", name)
			}
			if leftOne.Mul(pool, &rightSide, got); !slices.Equal(got, c.want) {
				t.Errorf("%s: the right side is another matrix", name)
			}
		}
	})
}

func TestPackedSidesMustFit(t *testing.T) {
	if !HasBF16() {
		t.Skip("this machine has no instructions for bfloat16")
	}
	var left Panels
	var right Right
	left.Pack(nil, make([]float32, 6), 2, 3, false)
	right.Pack(nil, make([]float32, 8), 4, 2, false)
	want := "gemm: a left side of 3 values a row by a right one of 4 rows"
	if got := panicked(func() { left.Mul(nil, &right, make([]float32, 4)) }); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
