package bitlinear

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/gemm"
)

// adapterCase is a layer of two weights with adapters, or with one of them.
type adapterCase struct {
	mode   Mode
	frozen bool // weights are frozen, in 2 bits where they are ternary
	second bool // the second weight alone has an adapter
}

// Values and gradients of adapters are compared with float64: central differences of
// y = (x + (xq-x)) (w + sBA + (wq-w))^T, or of y + s B A drop(x), with the offsets of the roundings
// and the masks held still.
func TestAdaptersAgainstFrozenOffsets(t *testing.T) {
	beside, dropout := Adapters{Rank: 3, Scale: 0.7}, Adapters{Rank: 3, Scale: 0.7, Dropout: 0.3}
	inside := Adapters{Rank: 3, Scale: 0.7, Inside: true}
	for _, c := range []adapterCase{
		{Mode{Ternary: true, Lambda: 1, Adapters: beside}, true, false},
		{Mode{Ternary: true, Sign: true, Lambda: 1, Adapters: dropout}, true, false},
		{Mode{Ternary: true, Lambda: 1, Adapters: dropout}, true, true},
		{Mode{Adapters: beside}, true, false},
		{Mode{Adapters: dropout}, false, true},
		{Mode{Ternary: true, Lambda: 1, Adapters: inside}, true, false},
		{Mode{Ternary: true, Sign: true, Lambda: 1, Adapters: inside}, false, true},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) { testAdapters(t, c) })
	}
}

func testAdapters(t *testing.T, c adapterCase) {
	const m, k, rank = 5, 24, 3
	rows := []int{7, 3}
	r := rand.New(rand.NewPCG(1, 2))
	l := NewLinear(&c.mode, &Scratch{}, m, k, rows...)
	x, in := random(r, m*k), l.NewInput()
	for row := range m {
		l.SetInput(in, row, x[row*k:][:k])
	}
	weights, grads := make([]Weight, 2), make([]Grad, 2)
	masters := make([][]float32, 2)
	for i, n := range rows {
		masters[i] = random(r, n*k)
		weights[i].Value = masters[i]
		if c.frozen {
			weights[i] = Weight{Frozen: freeze(t, &c.mode, n, k, masters[i])}
		}
		if i == 1 || !c.second {
			weights[i].A, weights[i].B = random(r, rank*k), random(r, n*rank)
			grads[i] = Grad{A: make([]float32, rank*k), B: make([]float32, n*rank)}
		}
	}
	y, dy, dx := make([]float32, m*10), random(r, m*10), make([]float32, m*k)
	l.Forward(in, weights, y)
	l.Backward(in, weights, slices.Clone(dy), dx, grads, false)

	ref := newReference(l, c.mode, x, weights, masters, rows)
	for i, want := range ref.output() {
		if math.Abs(float64(y[i])-want) > 2e-4 {
			t.Fatalf("y[%d] is %g, want %g", i, y[i], want)
		}
	}
	value := func() (sum float64) {
		for i, v := range ref.output() {
			sum += float64(dy[i]) * v
		}
		return sum
	}
	check := func(what string, got []float32, at []float64) {
		for j, g := range got {
			if want := centralDifference(value, at, j); math.Abs(float64(g)-want) > 2e-4*(1+math.Abs(want)) {
				t.Fatalf("%s[%d] is %g, want %g", what, j, g, want)
			}
		}
	}
	check("dx", dx, ref.x)
	for i := range rows {
		check(fmt.Sprintf("dA of weight %d", i), grads[i].A, ref.a[i])
		check(fmt.Sprintf("dB of weight %d", i), grads[i].B, ref.b[i])
	}
	one := grads[1].A[0]
	l.Forward(in, weights, y)
	l.Backward(in, weights, slices.Clone(dy), dx, grads, true)
	if math.Abs(float64(grads[1].A[0]-2*one)) > 1e-5*math.Abs(float64(one)) {
		t.Errorf("two accumulated gradients are %g, one is %g", grads[1].A[0], one)
	}
}

func freeze(t *testing.T, mode *Mode, n, k int, masters []float32) *Frozen {
	t.Helper()
	if mode.Ternary && !mode.Adapters.Inside {
		return mode.Freeze(n, k, masters)
	}
	var data []byte
	for _, v := range masters {
		b := math.Float32bits(v)
		data = append(data, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
	}
	f, err := FrozenValues("F32", n, k, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// reference is a layer with adapters in float64.
type reference struct {
	adapters  Adapters
	rows      []int
	x         []float64 // before rounding, and the offset that rounding adds
	offset    []float64
	w, a, b   [][]float64 // w: rounded weights, less the product of an adapter inside
	maskScale [][]float64 // by weight: what dropout multiplies x by
}

func newReference(l *Linear, mode Mode, x []float32, weights []Weight, masters [][]float32, rows []int) *reference {
	m, k := l.m, l.k
	r := &reference{adapters: mode.Adapters, rows: rows, x: widen(x), offset: mixed(x, dequantizedRows(x, m, k, mode), mode)}
	for i := range r.offset {
		r.offset[i] -= r.x[i]
	}
	ones := slices.Repeat([]float32{1}, k)
	for i, w := range weights {
		r.a, r.b = append(r.a, widen(w.A)), append(r.b, widen(w.B))
		effective := slices.Clone(masters[i])
		for j := range effective {
			if mode.Adapters.Inside {
				effective[j] += float32(r.product(i, j/k, j%k, k))
			}
		}
		rounded := mixed(effective, dequantizedWeight(effective, k, mode), mode)
		for j := range rounded {
			if mode.Adapters.Inside {
				rounded[j] -= r.product(i, j/k, j%k, k)
			}
		}
		r.w = append(r.w, rounded)
		mask, row := []float64{}, make([]float32, k)
		for t := range m {
			copy(row, ones)
			if mode.Adapters.drops() {
				l.drop(row, ones, i, t)
			}
			mask = append(mask, widen(row)...)
		}
		r.maskScale = append(r.maskScale, mask)
	}
	return r
}

func widen(x []float32) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v))
	}
	return y
}

// product is element (n,j) of Scale*B*A of weight i, 0 without an adapter.
func (r *reference) product(i, n, j, k int) (sum float64) {
	for q := range len(r.a[i]) / k {
		sum += float64(r.adapters.Scale) * r.b[i][n*r.adapters.Rank+q] * r.a[i][q*k+j]
	}
	return sum
}

func (r *reference) output() (y []float64) {
	k := len(r.w[0]) / r.rows[0]
	for t := range len(r.x) / k {
		for i, n := range r.rows {
			for row := range n {
				sum := 0.0
				for j := range k {
					x := r.x[t*k+j]
					w, beside := r.w[i][row*k+j], r.product(i, row, j, k)
					if r.adapters.Inside {
						w, beside = w+beside, 0
					}
					sum += (x+r.offset[t*k+j])*w + x*r.maskScale[i][t*k+j]*beside
				}
				y = append(y, sum)
			}
		}
	}
	return y
}

// The masks of dropout drop the share that they are asked to, and differ by key, layer, weight and
// row.
func TestDropoutMasks(t *testing.T) {
	const k = 1 << 15
	masks := map[string][]float32{}
	ones := slices.Repeat([]float32{1}, k)
	for name, at := range map[string][4]int{"": {}, "key": {1}, "layer": {0, 1}, "weight": {0, 0, 1}, "row": {0, 0, 0, 1}} {
		mode := Mode{Adapters: Adapters{Rank: 1, Dropout: 0.25}, Key: uint64(at[0])}
		l := NewLinear(&mode, &Scratch{}, 2, k, 1, 1)
		l.Number = at[1]
		mask, dropped := make([]float32, k), 0
		l.drop(mask, ones, at[2], at[3])
		for _, v := range mask {
			if v == 0 {
				dropped++
			} else if v != 1/float32(0.75) {
				t.Fatalf("a value that stays is multiplied by %g", v)
			}
		}
		if share := float64(dropped) / k; math.Abs(share-0.25) > 0.015 { // six standard deviations
			t.Errorf("%s: a share of %g is dropped, want 0.25", name, share)
		}
		for other, m := range masks {
			if slices.Equal(m, mask) {
				t.Errorf("%q and %q have the same mask", name, other)
			}
		}
		masks[name] = mask
	}
}

// A product in bfloat16 reads codes with the bits of their values, wherever parts begin.
func TestFrozenCodesInBF16(t *testing.T) {
	if !gemm.HasBF16() {
		t.Skip("this machine has no instructions for bfloat16")
	}
	r, mode := rand.New(rand.NewPCG(4, 2)), Mode{Ternary: true, Lambda: 1, BF16: true}
	for _, rows := range [][]int{{64}, {33, 40}, {7, 16, 50}} {
		const m, k = 21, 75
		n, p := 0, gemm.Product{M: m, N: k, C: [][]float32{make([]float32, m*k)}}
		values := p
		values.C = [][]float32{make([]float32, m*k)}
		for _, count := range rows {
			f := mode.Freeze(count, k, random(r, count*k))
			p.B, values.B = append(p.B, f.Rows()), append(values.B, gemm.Rows{Count: count, F32: f.Floats()})
			n += count
		}
		a := random(r, m*n)
		p.A, p.LDA, p.K, values.A, values.LDA, values.K = a, n, n, a, n, n
		mode.Run(&p)
		mode.Run(&values)
		if !slices.Equal(p.C[0], values.C[0]) {
			t.Errorf("rows %v: not the product of the values", rows)
		}
	}
}

// Frozen values of half precision are read as they are, and refused if they are too few.
func TestFrozenValues(t *testing.T) {
	for dtype, data := range map[string][]byte{
		"BF16": {0x80, 0x3f, 0, 0xc0, 0x40, 0x40, 0, 0}, "F16": {0, 0x3c, 0, 0xc0, 0, 0x42, 0, 0},
	} {
		f, err := FrozenValues(dtype, 2, 2, data)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Floats(); !slices.Equal(got, []float32{1, -2, 3, 0}) || f.Bytes() != 8 {
			t.Errorf("%s: %v in %d bytes", dtype, got, f.Bytes())
		}
		if _, err := FrozenValues(dtype, 2, 3, data); err == nil {
			t.Errorf("%s: too few bytes were accepted", dtype)
		}
	}
	if _, err := FrozenValues("I8", 2, 2, make([]byte, 4)); err == nil {
		t.Error("I8 was accepted")
	}
}
