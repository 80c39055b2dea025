package vector

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
)

// TestHadamard compares with the matrix, in float64, for blocks of all sizes and numbers of them
// around what a stage goes through at once.
func TestHadamard(t *testing.T) { everyImplementation(t, testHadamard) }

func testHadamard(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 18))
	for block := 1; block <= 4096; block *= 2 {
		for _, count := range []int{0, 1, 2, 3, 5, hadamardPart/block + 1} {
			if count*block > 3*4096 {
				continue
			}
			x := kerneltest.Spread(r, count*block)
			whole, got := kerneltest.Guarded(x)
			Hadamard(got, block)
			plain := slices.Clone(x)
			hadamardGeneric(plain, block, float32(1/math.Sqrt(float64(block))))
			if !slices.Equal(got, plain) {
				t.Errorf("%d blocks of %d have not the bits of Go", count, block)
			}
			if !kerneltest.Intact(whole) {
				t.Errorf("%d blocks of %d: wrote outside", count, block)
			}
			for at := 0; at < len(x); at += block {
				compareHadamard(t, got[at:][:block], x[at:][:block])
			}
		}
	}
}

// compareHadamard looks at some rows of the product of the matrix and x.
func compareHadamard(t *testing.T, got, x []float32) {
	t.Helper()
	for i := 0; i < len(x); i += 1 + len(x)/128*2 {
		want, size := 0.0, 0.0
		for j, v := range x {
			sign := 1 - 2*float64(bits.OnesCount(uint(i&j))%2)
			want += sign * float64(v)
			size += float64(v) * float64(v)
		}
		want /= math.Sqrt(float64(len(x)))
		if math.Abs(float64(got[i])-want) > 1e-6*math.Sqrt(size) {
			t.Fatalf("block of %d: value %d is %g, want %g", len(x), i, got[i], want)
		}
	}
}

// TestHadamardTwiceIsTheIdentity, and lengths stay.
func TestHadamardTwiceIsTheIdentity(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		x := kerneltest.Spread(rand.New(rand.NewPCG(19, 19)), 3*1024)
		y := slices.Clone(x)
		Hadamard(y, 1024)
		if a, b := SumSquares(x), SumSquares(y); math.Abs(a/b-1) > 1e-6 {
			t.Errorf("the sum of squares is %g, was %g", b, a)
		}
		Hadamard(y, 1024)
		for i, v := range x {
			if math.Abs(float64(y[i]-v)) > 1e-5 {
				t.Fatalf("value %d is %g, was %g", i, y[i], v)
			}
		}
	})
}

func TestHadamardRefusesBlocks(t *testing.T) {
	for _, c := range []struct{ length, block int }{{12, 3}, {8, 0}, {8, -4}, {24, 16}, {8, 16}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d values in blocks of %d were taken", c.length, c.block)
				}
			}()
			Hadamard(make([]float32, c.length), c.block)
		}()
	}
}

// BenchmarkHadamard transforms the activations of a token; the bytes are those read and written
// once.
func BenchmarkHadamard(b *testing.B) {
	x := kerneltest.Spread(rand.New(rand.NewPCG(6, 6)), 6144)
	for _, block := range []int{64, 128, 1024, 2048} {
		b.Run(fmt.Sprintf("%d", block), func(b *testing.B) {
			for b.Loop() {
				Hadamard(x, block)
			}
			kerneltest.ReportBytes(b, 8*len(x))
		})
	}
}
