package intgrad

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/kernel/memory"
	"trit/internal/parallel"
)

// shapes are tokens, columns, and rows of the weights of a layer: odd ones, and around panels, blocks and steps.
var shapes = []struct {
	m, k int
	rows []int
}{
	{1, 1, []int{1}}, {3, 5, []int{2, 7}}, {31, 33, []int{16, 15, 17}}, {32, 64, []int{64}}, {33, 63, []int{65}},
	{64, 65, []int{63, 1}}, {65, 96, []int{128, 32, 32}}, {130, 130, []int{48}}, {600, 40, []int{530}}, {70, 48, []int{1100}},
}

// layer is a gradient with the operands of both of its products.
type layer struct {
	Layer
	m, n, k int
	dy      []float32
	codes   [][]int8 // of each weight
	x       []int8
}

func newLayer(r *rand.Rand, m, k int, rows []int) *layer {
	l := &layer{Layer: Layer{Rows: rows, Key: r.Uint64()}, m: m, k: k, x: kerneltest.Int8(r, m*k)}
	for _, n := range rows {
		l.n += n
		codes := make([]int8, n*k)
		for i := range codes {
			codes[i] = int8(r.IntN(3) - 1)
		}
		l.codes, l.Weights = append(l.codes, codes), append(l.Weights, float32(0.01+0.05*r.Float64()))
	}
	for range m {
		l.Activations = append(l.Activations, float32(20+100*r.Float64()))
	}
	l.dy = kerneltest.Spread(r, m*l.n)
	for i := range l.dy {
		l.dy[i] *= float32(math.Exp(-10 * r.Float64()))
	}
	return l
}

// weight is the weight of column n of dy.
func (l *layer) weight(n int) int {
	i := 0
	for ; n >= l.Rows[i]; i++ {
		n -= l.Rows[i]
	}
	return i
}

// gradients computes both products on some threads, between guards.
func (l *layer) gradients(t *testing.T, threads int, accumulate bool) (dx, dw []float32) {
	pool := parallel.New(threads)
	g, packed := new(Gradient), []*intmul.Ternary(nil)
	for i, n := range l.Rows {
		w, err := intmul.PackTernary(pool, intmul.Bits2, n, l.k, l.codes[i])
		if err != nil {
			t.Fatal(err)
		}
		packed = append(packed, w)
	}
	g.Begin(l.Layer)
	pool.Chunks(l.m, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g.SetRow(i, l.dy[i*l.n:])
		}
	})
	wholeX, dx := kerneltest.Guarded(make([]float32, l.m*l.k))
	g.MulCodes(pool, packed, dx)
	ones := slices.Repeat([]float32{1}, l.n*l.k)
	var whole, parts [][]float32
	for _, n := range l.Rows {
		w, part := kerneltest.Guarded(ones[:n*l.k])
		whole, parts = append(whole, w), append(parts, part)
	}
	g.MulActivations(pool, l.dy, l.x, parts, accumulate)
	for _, w := range append(whole, wholeX) {
		if !kerneltest.Intact(w) {
			t.Fatal("a value beside a result was written")
		}
	}
	return dx, slices.Concat(parts...)
}

// rounded returns what the gradient is rounded to for each product, [M,N] and [N,M]: products by unit matrices.
func (l *layer) rounded(t *testing.T) (byRow, byColumn []float32) {
	u := *l
	u.codes, u.k, u.x = nil, l.n, make([]int8, l.m*l.n)
	first := 0
	for _, n := range l.Rows {
		codes := make([]int8, n*u.k)
		for i := range n {
			codes[i*u.k+first+i] = 1
		}
		u.codes, first = append(u.codes, codes), first+n
	}
	byRow, _ = u.gradients(t, 1, false)
	u.codes, u.k, u.x = nil, l.m, make([]int8, l.m*l.m)
	for _, n := range l.Rows {
		u.codes = append(u.codes, make([]int8, n*l.m))
	}
	for i := range l.m {
		u.x[i*l.m+i] = 1
	}
	_, byColumn = u.gradients(t, 1, false)
	return byRow, byColumn
}

// TestRounding compares what a gradient is rounded to with float64: a neighbour in whole units, and on the mean over many
// keys the value itself.
func TestRounding(t *testing.T) {
	const keys = 600
	r := rand.New(rand.NewPCG(3, 4))
	l := newLayer(r, 40, 1, []int{24, 16})
	sums := [2][]float64{make([]float64, len(l.dy)), make([]float64, len(l.dy))}
	var wants, units [2]float64
	for key := range keys {
		l.Key = r.Uint64()
		byRow, byColumn := l.rounded(t)
		for i, v := range l.dy {
			token, n := i/l.n, i%l.n
			wants = [2]float64{float64(v) * float64(l.Weights[l.weight(n)]), float64(v) / float64(l.Activations[token])}
			units = [2]float64{float64(l.row(token)), float64(l.column(n))}
			for k, found := range [2]float32{byRow[i], byColumn[n*l.m+token]} {
				checkNeighbour(t, float64(found)/units[k], wants[k]/units[k])
				if sums[k][i] += float64(found); key == keys-1 {
					checkMean(t, sums[k][i]/keys/units[k], wants[k]/units[k], keys)
				}
			}
		}
	}
}

// fixed is how far fixed point may be off, in units, beside the rounding of float32.
const fixed = 1./512 + 1e-4

func checkNeighbour(t *testing.T, found, want float64) {
	t.Helper()
	if math.Abs(found-math.Round(found)) > 1e-4 || math.Abs(found-want) > 1+fixed || math.Abs(found) > 127.001 {
		t.Fatalf("%g units are rounded to %g", want, found)
	}
}

// checkMean wants the mean of many roundings within five times its standard deviation, which is at most half a unit for
// each.
func checkMean(t *testing.T, found, want, count float64) {
	t.Helper()
	if math.Abs(found-want) > 5*0.5/math.Sqrt(count)+fixed {
		t.Errorf("the mean of %g roundings of %g units is %g", count, want, found)
	}
}

// row is a unit of a token: of its largest gradient times the scale of the weight.
func (l *layer) row(token int) float32 {
	size := float32(0)
	for n, v := range l.dy[token*l.n:][:l.n] {
		size = max(size, float32(math.Abs(float64(v)))*l.Weights[l.weight(n)])
	}
	return size / 127
}

// column is a unit of a row of the weights: of its largest gradient over the scale of the activations.
func (l *layer) column(n int) float32 {
	size := float32(0)
	for token, s := range l.Activations {
		size = max(size, float32(math.Abs(float64(l.dy[token*l.n+n])))*(1/s))
	}
	return size / 127
}

// TestProducts wants the exact sums of products of the rounded gradients, which unit operands give, for each
// implementation and number of threads.
func TestProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range shapes {
		l := newLayer(r, s.m, s.k, s.rows)
		wantX, wantW := l.exact(t)
		forEach(t, func(t *testing.T) {
			for _, threads := range []int{1, 2, 5} {
				dx, dw := l.gradients(t, threads, false)
				same(t, fmt.Sprintf("%v, dx on %d threads", s, threads), dx, wantX)
				same(t, fmt.Sprintf("%v, dw on %d threads", s, threads), dw, wantW)
				_, dw = l.gradients(t, threads, true)
				added := slices.Clone(wantW)
				for i := range added {
					added[i]++
				}
				same(t, fmt.Sprintf("%v, dw added on %d threads", s, threads), dw, added)
			}
		})
	}
}

// exact computes both products of what the gradient is rounded to, in integers.
func (l *layer) exact(t *testing.T) (dx, dw []float32) {
	byRow, byColumn := l.rounded(t)
	codes := slices.Concat(l.codes...)
	for token := range l.m {
		unit := l.row(token)
		for k := range l.k {
			sum := int32(0)
			for n := range l.n {
				sum += integer(byRow[token*l.n+n], unit) * int32(codes[n*l.k+k])
			}
			dx = append(dx, float32(sum)*unit)
		}
	}
	for n := range l.n {
		unit := l.column(n)
		for k := range l.k {
			sum := int32(0)
			for token := range l.m {
				sum += integer(byColumn[n*l.m+token], unit) * int32(l.x[token*l.k+k])
			}
			dw = append(dw, float32(sum)*unit)
		}
	}
	return dx, dw
}

func integer(v, unit float32) int32 { return int32(math.Round(float64(v) / float64(unit))) }

// forEach runs a test for every implementation.
func forEach(t *testing.T, test func(t *testing.T)) {
	defer func(saved implementation) { chosen = saved }(chosen)
	for _, chosen = range implementations() {
		t.Run(chosen.name, test)
	}
}

func same(t *testing.T, what string, found, want []float32) {
	t.Helper()
	for i, v := range found {
		if math.Float32bits(v) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d is %g, want %g", what, i, v, want[i])
		}
	}
}

// TestNotFinite: a value that is not finite makes all of its row and column so, as it does in floating point.
func TestNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		l := newLayer(rand.New(rand.NewPCG(7, 8)), 70, 33, []int{40, 30})
		const token, n = 66, 39
		l.dy[token*l.n+n] = float32(bad)
		forEach(t, func(t *testing.T) {
			dx, dw := l.gradients(t, 1, false)
			for i, v := range dx {
				if finite := v-v == 0; finite != (i/l.k != token) {
					t.Fatalf("%g in token %d: dx[%d,%d] is %g", bad, token, i/l.k, i%l.k, v)
				}
			}
			for i, v := range dw {
				if finite := v-v == 0; finite != (i/l.k != n) {
					t.Fatalf("%g in column %d: dw[%d,%d] is %g", bad, n, i/l.k, i%l.k, v)
				}
			}
		})
	}
}

// TestExtremes adds up products of the largest size, of one sign, over more steps than 16 bits have room for.
func TestExtremes(t *testing.T) {
	const m, n, k = 600, 600, 20
	l := newLayer(rand.New(rand.NewPCG(13, 14)), m, k, []int{n})
	for _, e := range []struct{ grad, code, activation float32 }{{1, 1, -128}, {1, -1, 127}, {-1, 1, -128}, {-1, -1, 127}} {
		l.dy = slices.Repeat([]float32{e.grad}, m*n)
		l.codes[0], l.x = slices.Repeat([]int8{int8(e.code)}, n*k), slices.Repeat([]int8{int8(e.activation)}, m*k)
		l.Activations = slices.Repeat([]float32{64}, m)
		forEach(t, func(t *testing.T) {
			dx, dw := l.gradients(t, 1, false)
			same(t, fmt.Sprintf("%v, dx", e), dx, slices.Repeat([]float32{127 * n * e.grad * e.code * l.row(0)}, m*k))
			same(t, fmt.Sprintf("%v, dw", e), dw, slices.Repeat([]float32{127 * m * e.grad * e.activation * l.column(0)}, n*k))
		})
	}
}

// TestZeros: a gradient of zeros has products of zeros.
func TestZeros(t *testing.T) {
	l := newLayer(rand.New(rand.NewPCG(9, 10)), 5, 20, []int{17})
	clear(l.dy)
	forEach(t, func(t *testing.T) {
		dx, dw := l.gradients(t, 1, false)
		same(t, "dx", dx, make([]float32, len(dx)))
		same(t, "dw", dw, make([]float32, len(dw)))
	})
}

// TestStores writes tiles to aligned rows, which alone may be written past the caches.
func TestStores(t *testing.T) {
	const rows, width, extra = 33, 96, 16
	r := rand.New(rand.NewPCG(11, 12))
	sums, units := make([]int32, rows*tileCols), kerneltest.Spread(r, rows)
	for i := range sums {
		sums[i] = int32(r.Uint32())
	}
	forEach(t, func(t *testing.T) {
		for _, s := range []struct {
			name       string
			run, plain func(rows int, dst *float32, width int, sums *int32, factor *float32)
		}{
			{"store", chosen.store, storeGeneric}, {"add", chosen.add, addGeneric}, {"stream", chosen.stream, storeGeneric},
		} {
			got, want := memory.Make[float32](rows*width+extra), memory.Make[float32](rows*width+extra)
			for i := range got {
				got[i], want[i] = float32(i), float32(i)
			}
			s.run(rows, &got[32], width, &sums[0], &units[0])
			s.plain(rows, &want[32], width, &sums[0], &units[0])
			same(t, s.name, got, want)
		}
	})
}
