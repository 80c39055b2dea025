package intmul

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
	"trit/internal/float16"
	"trit/internal/parallel"
)

// groupedWeights are random weights and scales, as values and packed.
type groupedWeights struct {
	values []int8
	scales []float32
	packed *Grouped
}

func randomGrouped(t *testing.T, r *rand.Rand, f GroupedForm, n, k int) (g groupedWeights) {
	t.Helper()
	codes, halves := make([]byte, n*k), make([]uint16, n*k/f.Group)
	for i := range codes {
		codes[i] = byte(r.IntN(4))
		if f.Signs {
			codes[i] = byte(r.IntN(2) * 2)
		}
		g.values = append(g.values, int8(codes[i])-1)
	}
	for i := range halves {
		halves[i] = float16.Bits(float32(r.NormFloat64()))
		g.scales = append(g.scales, float16.FromBits(halves[i]))
	}
	var err error
	g.packed, err = PackGrouped(parallel.New(2), f, n, k, GroupedRows{Row: func(dst Weights, i int) error {
		copy(dst.Codes, codes[i*k:])
		copy(dst.Scales, halves[i*k/f.Group:])
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var groupedForms = []GroupedForm{{64, false}, {128, false}, {256, false}, {64, true}, {128, true}}

// Every implementation has the bits of the definition, for any number of tokens, rows and threads.
func TestMulGroupedIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	everyImplementation(t, func(t *testing.T) {
		for _, f := range groupedForms {
			for _, groups := range []int{1, 3, 10} {
				k := f.Group * groups
				for _, m := range []int{1, 2, 7, 12, 24, 41} {
					x := kerneltest.Int8(r, m*k)
					factor := kerneltest.Spread(r, ceil(k, quant.ActivationGroup)*m)
					var list []GroupedOutput
					var weights []groupedWeights
					for _, n := range []int{1, 16, 33, 150} {
						w := randomGrouped(t, r, f, n, k)
						dst := slices.Repeat([]float32{7}, m*n+1)
						list, weights = append(list, GroupedOutput{w.packed, dst}), append(weights, w)
					}
					MulGrouped(parallel.New(1+m%3), x, factor, m, list...)
					for i, o := range list {
						checkGrouped(t, fmt.Sprint(f, " k ", k), weights[i], o, x, factor, m)
					}
				}
			}
		}
	})
}

func checkGrouped(t *testing.T, name string, w groupedWeights, o GroupedOutput, x []int8, factor []float32, m int) {
	t.Helper()
	n, k := o.W.N, o.W.K
	groups := len(w.scales) / n
	for at := range m * n {
		token, row := at/n, at%n
		var factors []float32
		for i := token; i < len(factor); i += m {
			factors = append(factors, factor[i])
		}
		want := quant.GroupDot(x[token*k:][:k], factors, w.values[row*k:][:k], w.scales[row*groups:][:groups])
		if o.Dst[at] != want {
			t.Fatalf("%s, %d rows, %d tokens: row %d of token %d is %g, want %g", name, n, m, row, token, o.Dst[at], want)
		}
	}
	got := make([]float32, k)
	for row := range min(n, 20) {
		o.W.Row(got, row)
		for c, v := range got {
			if want := float32(w.values[row*k+c]) * w.scales[row*groups+c*groups/k]; v != want {
				t.Fatalf("%s: weight %d of row %d is %g, want %g", name, c, row, v, want)
			}
		}
	}
	if o.Dst[m*n] != 7 {
		t.Fatalf("%s: wrote beyond the result", name)
	}
}

// Matrices of several forms have a product each.
func TestMulGroupedOfSeveralForms(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 14))
	const k, n, m = 256, 20, 3
	x, factor := kerneltest.Int8(r, m*k), kerneltest.Spread(r, k/quant.ActivationGroup*m)
	var list []GroupedOutput
	var weights []groupedWeights
	for _, f := range groupedForms {
		weights = append(weights, randomGrouped(t, r, f, n, k))
		list = append(list, GroupedOutput{weights[len(weights)-1].packed, slices.Repeat([]float32{7}, m*n+1)})
	}
	MulGrouped(nil, x, factor, m, list...)
	for i, o := range list {
		checkGrouped(t, fmt.Sprint(groupedForms[i]), weights[i], o, x, factor, m)
	}
}

// Sums of many more tokens than a batch of AMX has.
func TestMulGroupedManyTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const k, n, m = 256, 40, 2*amxBatch + 17
	for _, f := range groupedForms {
		w, x := randomGrouped(t, r, f, n, k), kerneltest.Int8(r, m*k)
		factor := kerneltest.Spread(r, k/quant.ActivationGroup*m)
		o := GroupedOutput{w.packed, slices.Repeat([]float32{7}, m*n+1)}
		MulGrouped(nil, x, factor, m, o)
		checkGrouped(t, fmt.Sprint(f), w, o, x, factor, m)
	}
}

func TestPackGroupedRefuses(t *testing.T) {
	fill := func(code byte) func(Weights, int) error {
		return func(dst Weights, _ int) error {
			for i := range dst.Codes {
				dst.Codes[i] = code
			}
			return nil
		}
	}
	failing := errors.New("unreadable")
	for name, c := range map[string]struct {
		form GroupedForm
		k    int
		row  func(Weights, int) error
	}{
		"groups of 96":        {GroupedForm{96, false}, 192, fill(0)},
		"groups of 0":         {GroupedForm{0, false}, 128, fill(0)},
		"half a group":        {GroupedForm{128, false}, 192, fill(0)},
		"a sign that is 0":    {GroupedForm{64, true}, 64, fill(1)},
		"a sign that is 2":    {GroupedForm{64, true}, 64, fill(3)},
		"an unreadable group": {GroupedForm{64, false}, 64, func(Weights, int) error { return failing }},
	} {
		if _, err := PackGrouped(nil, c.form, 20, c.k, GroupedRows{Row: c.row}); err == nil {
			t.Errorf("%s was packed", name)
		}
	}
}

func TestGroupedMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 13))
	const n, k = 64, 1024
	for f, want := range map[GroupedForm]float64{{64, false}: 2.25, {128, false}: 2.125, {128, true}: 1.125} {
		if got := 8 * float64(randomGrouped(t, r, f, n, k).packed.Bytes()) / (n * k); got != want {
			t.Errorf("%v: %g bits a weight, want %g", f, got, want)
		}
	}
}

// Rows are given back in order, each after it was packed, and not all of them at the end.
func TestPackGroupedGivesRowsBack(t *testing.T) {
	const n, k = 3000, 1 << 15
	packed, back, calls := make([]atomic.Bool, n), 0, 0
	_, err := PackGrouped(parallel.New(2), GroupedForm{128, true}, n, k, GroupedRows{
		Row: func(dst Weights, i int) error {
			packed[i].Store(true)
			return nil
		},
		Done: func(lo, hi int) {
			if lo != back || !packed[lo].Load() || !packed[hi-1].Load() {
				t.Errorf("rows %d to %d after %d", lo, hi, back)
			}
			back, calls = hi, calls+1
		},
	})
	if err != nil || back != n || calls < 2 {
		t.Errorf("%d rows in %d calls, %v", back, calls, err)
	}
}
