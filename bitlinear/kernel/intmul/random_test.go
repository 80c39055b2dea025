package intmul

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/internal/float16"
	"trit/internal/parallel"
)

// TestRandomTernaryIsValid multiplies with every implementation, which agree on valid codes
// alone, and counts the weights with products that pick one column each.
func TestRandomTernaryIsValid(t *testing.T) {
	const n, k = 40, 243
	r := rand.New(rand.NewPCG(10, 10))
	for _, format := range []Format{Bits2, Bits1_6} {
		w := RandomTernary(nil, format, n, k, 7)
		counts := map[int32]int{}
		pick, picked := make([]int8, k*k), make([]int32, k*n)
		for i := range k {
			pick[i*k+i] = 1
		}
		w.tiled(picked, pick, k, &generic)
		for _, v := range picked {
			counts[v]++
		}
		for v := int32(-1); v <= 1; v++ {
			if share := float64(counts[v]) / (n * k); share < 0.3 || share > 0.37 {
				t.Errorf("%v: %.2f of the weights are %d, want a third", format, share, v)
			}
		}
		if len(counts) != 3 {
			t.Errorf("%v: weights are %v", format, counts)
		}
		x := make([]int8, 9*k)
		fillTernary(r, nil, x, false)
		want, got := make([]int32, 9*n), make([]int32, 9*n)
		w.tiled(want, x, 9, &generic)
		for _, on := range implementations() {
			if w.tiled(got, x, 9, &on); !slices.Equal(got, want) {
				t.Errorf("%v: %s gives other products than plain Go", format, on.name)
			}
		}
	}
}

func TestRandomDoesNotDependOnThreads(t *testing.T) {
	var codes []byte
	for threads := 1; threads <= 3; threads++ {
		w := RandomTernary(parallel.New(threads), Bits1_6, 100, 100, 1)
		if codes == nil {
			codes = w.codes
		}
		if !slices.Equal(w.codes, codes) {
			t.Errorf("%d threads give other weights than one", threads)
		}
	}
	if slices.Equal(codes, RandomTernary(nil, Bits1_6, 100, 100, 2).codes) {
		t.Error("two seeds give the same weights")
	}
}

// Random weights with a scale a group are the same for any number of threads, ternary or signs, and
// all implementations agree on them.
func TestRandomGroupedIsValid(t *testing.T) {
	const n, k = 70, 256
	for _, f := range groupedForms {
		w, err := RandomGrouped(nil, f, n, k, 7)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := RandomGrouped(parallel.New(3), f, n, k, 7)
		if !slices.Equal(w.codes, other.codes) || !slices.Equal(w.scales, other.scales) {
			t.Errorf("%v: three threads give other weights", f)
		}
		row, counts := make([]float32, k), map[int]int{}
		for i := range n {
			w.Row(row, i)
			for c, v := range row {
				counts[int(math.Round(float64(v/float16.FromBits(w.scalesAt(i, c/w.part)[0]))))]++
			}
		}
		want := 3
		if f.Signs {
			want = 2
		}
		for v, count := range counts {
			if v < -1 || v > 1 || count < n*k/want*9/10 || len(counts) != want {
				t.Errorf("%v: weights are %v", f, counts)
			}
		}
	}
	if _, err := RandomGrouped(nil, GroupedForm{96, false}, 16, 192, 1); err == nil {
		t.Error("groups of 96 were made")
	}
}
