package bitlinear

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/quant"
)

// The straight-through estimator is the derivative of the layer with the offsets of
// both roundings frozen: y = (x + (xq-x)) (w + (wq-w))^T, where only x and w move. The
// reference computes values and central differences of that in float64 from quant.
func TestTernaryLinearAgainstFrozenOffsets(t *testing.T) {
	for _, mode := range []Mode{
		{Ternary: true, Lambda: 1}, {Ternary: true, Sign: true, Lambda: 1},
		{Ternary: true, Lambda: 0.3}, {Ternary: true, Sign: true, Lambda: 0.3},
		{Ternary: true}, {},
		{Ternary: true, Group: 8, Lambda: 1}, {Ternary: true, Group: 8, Sign: true, Lambda: 1},
		{Ternary: true, Group: quant.WholeRow, FloatActivations: true, Lambda: 1},
		{Ternary: true, Group: 12, FloatActivations: true, Lambda: 0.3}, {Ternary: true, HalfScales: true, Lambda: 1},
		{Ternary: true, HalfScales: true, FloatActivations: true, Lambda: 1},
		{Ternary: true, Lambda: 1, Int4: true}, {Ternary: true, Lambda: 0.3, Int4: true},
		{Ternary: true, Lambda: 1, Deadzone: 0.2}, {Ternary: true, Lambda: 0.3, Deadzone: 0.2, Int4: true},
	} {
		t.Run(fmt.Sprintf("%+v", mode), func(t *testing.T) { testFrozenOffsets(t, mode) })
	}
}

func testFrozenOffsets(t *testing.T, mode Mode) {
	const m, k = 5, 24
	rows := []int{7, 3}
	r := rand.New(rand.NewPCG(1, 2))
	x := random(r, m*k)
	ws := [][]float32{random(r, rows[0]*k), random(r, rows[1]*k)}
	l := NewLinear(&mode, &Scratch{}, m, k, rows...)
	f := l.Func("test")
	y, c := make([]float32, m*10), random(r, m*10)
	f.Forward([][]float32{x, ws[0], ws[1]}, y)
	grads := [][]float32{make([]float32, m*k), make([]float32, rows[0]*k), make([]float32, rows[1]*k)}
	f.Backward([][]float32{x, ws[0], ws[1]}, c, grads)

	xq := mixed(x, dequantizedRows(x, m, k, mode), mode)
	if mode.FloatActivations {
		xq = mixed(x, nil, Mode{})
	}
	wq := mixed(ws[0], dequantizedWeight(ws[0], k, mode), mode)
	wq = append(wq, mixed(ws[1], dequantizedWeight(ws[1], k, mode), mode)...)
	// The bias is of the weights that are rounded to 0, whose offset is w - wq.
	all := append(slices.Clone(ws[0]), ws[1]...)
	rounded := append(dequantizedWeight(ws[0], k, mode), dequantizedWeight(ws[1], k, mode)...)
	factor, at := float64(mode.Deadzone)*float64(mode.Lambda), slices.Clone(wq)
	output := func(t, n int) float64 {
		y := dot(xq[t*k:][:k], wq[n*k:][:k])
		for i := n * k; i < (n+1)*k; i++ {
			if rounded[i] == 0 {
				y += factor * (float64(all[i]) + wq[i] - at[i])
			}
		}
		return y
	}
	value := func() (sum float64) {
		for t := range m {
			for n := range 10 {
				sum += float64(c[t*10+n]) * output(t, n)
			}
		}
		return sum
	}
	for t2 := range m {
		for n := range 10 {
			if want := output(t2, n); math.Abs(float64(y[t2*10+n])-want) > 1e-4 {
				t.Fatalf("y[%d,%d] is %g, want %g", t2, n, y[t2*10+n], want)
			}
		}
	}
	for i, g := range grads[0] {
		if want := centralDifference(value, xq, i); math.Abs(float64(g)-want) > 1e-4*(1+math.Abs(want)) {
			t.Fatalf("dx[%d] is %g, want %g", i, g, want)
		}
	}
	for i := range wq {
		g := grads[1]
		j := i
		if i >= len(ws[0]) {
			g, j = grads[2], i-len(ws[0])
		}
		if want := centralDifference(value, wq, i); math.Abs(float64(g[j])-want) > 1e-4*(1+math.Abs(want)) {
			t.Fatalf("dw[%d] is %g, want %g", i, g[j], want)
		}
	}
}

// centralDifference is the derivative of value by v[i].
func centralDifference(value func() float64, v []float64, i int) float64 {
	const step = 1e-3
	saved := v[i]
	v[i] = saved + step
	up := value()
	v[i] = saved - step
	down := value()
	v[i] = saved
	return (up - down) / (2 * step)
}

func random(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func dequantizedRows(x []float32, m, k int, mode Mode) []float64 {
	var out []float64
	q, round := make([]int8, k), quant.Activations
	if mode.Int4 {
		round = quant.Activations4
	}
	for t := range m {
		s := round(q, x[t*k:][:k])
		for _, v := range q {
			out = append(out, float64(v)/float64(s))
		}
	}
	return out
}

// mixed is what a mode makes of values and their rounded ones.
func mixed(x []float32, rounded []float64, mode Mode) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
		if mode.Ternary {
			out[i] += float64(mode.Lambda) * (rounded[i] - float64(v))
		}
	}
	return out
}

func dequantizedWeight(w []float32, k int, mode Mode) (out []float64) {
	if mode.Group == quant.WholeTensor {
		return dequantizedTensor(w, mode)
	}
	size := quant.GroupSize(mode.Group, k)
	q, scales := make([]int8, k), make([]float32, k/size)
	for ; len(w) > 0; w = w[k:] {
		quant.Groups(q, scales, w[:k], mode.Group, mode.Sign)
		for i, v := range q {
			out = append(out, float64(v)*float64(scales[i/size]))
		}
	}
	return out
}

func dequantizedTensor(w []float32, mode Mode) []float64 {
	q := make([]int8, len(w))
	round := quant.Weights
	if mode.Sign {
		round = quant.Signs
	}
	s := round(q, w)
	if mode.HalfScales {
		s = quant.Half(s)
		for i, x := range w {
			q[i] = quant.Ternary(x, 1/s)
		}
	}
	out := make([]float64, len(w))
	for i, v := range q {
		out[i] = float64(v) * float64(s)
	}
	return out
}

// TestBF16RoundsNothingButGradients: the products are off by the rounding of dY, up to 2^-9
// of the size of their terms, whose errors add up as random ones do.
func TestBF16RoundsNothingButGradients(t *testing.T) {
	if !gemm.HasBF16() {
		t.Skip("this machine has no products in bfloat16")
	}
	const m, k, n = 40, 70, 37
	r := rand.New(rand.NewPCG(3, 4))
	x, w, c := random(r, m*k), random(r, n*k), random(r, m*n)
	var results [2][2][]float32
	for i := range results {
		l := NewLinear(&Mode{Ternary: true, Lambda: 1, BF16: i == 1}, &Scratch{}, m, k, n)
		f := l.Func("test")
		f.Forward([][]float32{x, w}, make([]float32, m*n))
		results[i] = [2][]float32{make([]float32, m*k), make([]float32, n*k)}
		f.Backward([][]float32{x, w}, c, results[i][:])
	}
	for g, terms := range []float64{n, m} {
		different := 0
		for i, want := range results[0][g] {
			off := math.Abs(float64(results[1][g][i] - want))
			if off > 4*0x1p-9*math.Sqrt(terms) {
				t.Fatalf("gradient %d: value %d is %g, float32 gives %g", g, i, results[1][g][i], want)
			}
			if off > 0 {
				different++
			}
		}
		if different == 0 {
			t.Errorf("gradient %d: bfloat16 gave the bits of float32, so it was not used", g)
		}
	}
}

// TestInt8Gradients compares gradients whose products are of integers with those in float32: each is off by what the
// rounding to 8 bits leaves, and their mean over many keys is the same.
func TestInt8Gradients(t *testing.T) {
	const m, k, keys = 96, 80, 64
	for _, mode := range []Mode{
		{Ternary: true, Lambda: 1}, {Ternary: true, Lambda: 1, Sign: true}, {Ternary: true, Lambda: 1, Int4: true},
		{Ternary: true, Lambda: 1, Deadzone: 0.2},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		in := [][]float32{random(r, m*k), random(r, 70*k), random(r, 33*k)}
		dy := random(r, m*103)
		gradients := func() [][]float32 {
			f := NewLinear(&mode, &Scratch{}, m, k, 70, 33).Func("test")
			f.Forward(in, make([]float32, m*103))
			grads := [][]float32{make([]float32, m*k), make([]float32, 70*k), make([]float32, 33*k)}
			f.Backward(in, dy, grads)
			return grads
		}
		want := gradients()
		mode.Int8Gradients, mode.KeepCodes = true, true
		mean := [][]float32{make([]float32, m*k), make([]float32, 70*k), make([]float32, 33*k)}
		for mode.Key = range uint64(keys) {
			for i, g := range gradients() {
				if off := distance(g, want[i]); off < 1e-3 || off > 0.03 {
					t.Errorf("%+v: gradient %d is off by %.2g of its length", mode, i, off)
				}
				for j, v := range g {
					mean[i][j] += v / keys
				}
			}
		}
		for i, g := range mean {
			if off := distance(g, want[i]); off > 0.03/math.Sqrt(keys)*1.5 {
				t.Errorf("%+v: the mean of gradient %d is off by %.2g of its length", mode, i, off)
			}
		}
	}
}

// distance is the length of a-b over that of b.
func distance(a, b []float32) float64 {
	square, all := 0.0, 0.0
	for i, v := range b {
		d := float64(a[i]) - float64(v)
		square, all = square+d*d, all+float64(v)*float64(v)
	}
	return math.Sqrt(square / all)
}
