package deltanet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/internal/parallel"
	"trit/model"
)

var shapes = []model.DeltaNet{
	{KeyHeads: 1, ValueHeads: 1, HeadDim: 5, Kernel: 1, Interval: 2},
	{KeyHeads: 2, ValueHeads: 4, HeadDim: 16, Kernel: 4, Interval: 4},
	{KeyHeads: 3, ValueHeads: 3, HeadDim: 33, Kernel: 2, Interval: 4},
	{KeyHeads: 1, ValueHeads: 3, HeadDim: 64, Kernel: 4, Interval: 4},
}

// reference computes the recurrence step by step in float64, as the paper has it: the state changes with
// each token. conv is [channels][kernel].
type reference struct {
	d               *model.DeltaNet
	conv, rate, lag []float32
	inputs          [][]float64   // all of them
	s               [][][]float64 // [value heads][keys][values]
}

func newReference(d *model.DeltaNet, conv, rate, lag []float32) *reference {
	r := &reference{d: d, conv: conv, rate: rate, lag: lag, s: make([][][]float64, d.ValueHeads)}
	for h := range r.s {
		r.s[h] = make([][]float64, d.HeadDim)
		for k := range r.s[h] {
			r.s[h][k] = make([]float64, d.HeadDim)
		}
	}
	return r
}

// mixed is the last token after the convolution and SiLU.
func (r *reference) mixed() []float64 {
	y := make([]float64, r.d.ConvDim())
	for c := range y {
		for k := range r.d.Kernel {
			if t := len(r.inputs) - r.d.Kernel + k; t >= 0 {
				y[c] += float64(r.conv[c*r.d.Kernel+k]) * r.inputs[t][c]
			}
		}
		y[c] /= 1 + math.Exp(-y[c])
	}
	return y
}

func unit(x []float64) []float64 {
	sum := 1e-6
	for _, v := range x {
		sum += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(sum)
	}
	return y
}

func (r *reference) step(input, alpha, beta []float32) (out []float64) {
	d := r.d.HeadDim
	row := make([]float64, len(input))
	for i, v := range input {
		row[i] = float64(v)
	}
	r.inputs = append(r.inputs, row)
	y := r.mixed()
	for h, s := range r.s {
		from := h % r.d.KeyHeads * d
		q, k := unit(y[from:][:d]), unit(y[r.d.KeyDim()+from:][:d])
		v := y[2*r.d.KeyDim()+h*d:][:d]
		decay := math.Exp(float64(r.rate[h]) * math.Log1p(math.Exp(float64(alpha[h]+r.lag[h]))))
		strength := 1 / (1 + math.Exp(-float64(beta[h])))
		for j := range d {
			old := 0.0
			for i := range d {
				s[i][j] *= decay
				old += s[i][j] * k[i]
			}
			sum := 0.0
			for i := range d {
				s[i][j] += k[i] * strength * (v[j] - old)
				sum += s[i][j] * q[i]
			}
			out = append(out, sum/math.Sqrt(float64(d)))
		}
	}
	return out
}

func normal(r *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * r.NormFloat64())
	}
	return v
}

// example is a layer and the values of n tokens. Some decays are so strong that nothing is left of
// the state.
type example struct {
	d               *model.DeltaNet
	conv, rate, lag []float32
	rows            Rows
	n               int
}

func newExample(d model.DeltaNet, n int) *example {
	r := rand.New(rand.NewPCG(uint64(d.HeadDim), uint64(n)))
	e := &example{d: &d, n: n, conv: normal(r, d.ConvDim()*d.Kernel, 0.7), lag: normal(r, d.ValueHeads, 2)}
	for range d.ValueHeads {
		e.rate = append(e.rate, -float32(math.Exp(3*r.NormFloat64()-2)))
	}
	e.rows = Rows{
		Inputs: normal(r, n*d.ConvDim(), 1), Alpha: normal(r, n*d.ValueHeads, 2), Beta: normal(r, n*d.ValueHeads, 2),
		Out: make([]float32, n*d.ValueDim()),
	}
	return e
}

// part is the tokens [lo,hi).
func (e *example) part(lo, hi int) *Rows {
	return &Rows{
		Inputs: e.rows.Inputs[lo*e.d.ConvDim() : hi*e.d.ConvDim()],
		Alpha:  e.rows.Alpha[lo*e.d.ValueHeads : hi*e.d.ValueHeads], Beta: e.rows.Beta[lo*e.d.ValueHeads : hi*e.d.ValueHeads],
		Out: make([]float32, (hi-lo)*e.d.ValueDim()),
	}
}

// read reads the tokens [lo,hi) and returns their outputs.
func (e *example) read(l *Layer, m *Memory, lo, hi int, draft bool) []float32 {
	rows := e.part(lo, hi)
	l.Run(parallel.New(2), []Span{{m, hi - lo, draft}}, rows)
	return rows.Out
}

func TestLayerIsTheRecurrence(t *testing.T) {
	for _, d := range shapes {
		e := newExample(d, 150)
		l, r := NewLayer(e.d, e.conv, e.rate, e.lag), newReference(e.d, e.conv, e.rate, e.lag)
		got := e.read(l, New(e.d), 0, e.n, false)
		var off, size float64
		for i := range e.n {
			p := e.part(i, i+1)
			for j, want := range r.step(p.Inputs, p.Alpha, p.Beta) {
				off += math.Pow(float64(got[i*d.ValueDim()+j])-want, 2)
				size += want * want
			}
		}
		if rel := math.Sqrt(off / size); !(rel < 2e-6) {
			t.Errorf("%+v: relative error %g", d, rel)
		}
	}
}

// TestPiecesAreAsTheWhole reads a text in pieces of several sizes, which must give the same bits.
func TestPiecesAreAsTheWhole(t *testing.T) {
	for _, d := range shapes {
		if d.HeadDim%16 != 0 {
			continue // sums of other lengths depend on where they lie in memory
		}
		e := newExample(d, 150)
		l := NewLayer(e.d, e.conv, e.rate, e.lag)
		want := e.read(l, New(e.d), 0, e.n, false)
		for _, size := range []int{1, 2, 7, 31, 32, 33, 64, 100} {
			m := New(e.d)
			for at := 0; at < e.n; at += size {
				hi := min(at+size, e.n)
				got := e.read(l, m, at, hi, size == 7)
				if !slices.Equal(got, want[at*d.ValueDim():hi*d.ValueDim()]) {
					t.Fatalf("%+v: the tokens from %d on in pieces of %d have other bits", d, at, size)
				}
			}
			if m.Len() != e.n {
				t.Errorf("the memory has %d tokens, not %d", m.Len(), e.n)
			}
		}
	}
}

// TestSequencesTogether reads tokens of several sequences in one call.
func TestSequencesTogether(t *testing.T) {
	e := newExample(shapes[1], 150)
	l := NewLayer(e.d, e.conv, e.rate, e.lag)
	memories := []*Memory{New(e.d), New(e.d), New(e.d)}
	e.read(l, memories[1], 0, 29, false) // not of the batch
	rows := e.part(0, 150)
	l.Run(parallel.New(2), []Span{{memories[0], 40, false}, {memories[1], 1, false}, {memories[2], 109, false}}, rows)
	alone := New(e.d)
	e.read(l, alone, 0, 29, false)
	want := slices.Concat(e.read(l, New(e.d), 0, 40, false), e.read(l, alone, 40, 41, false), e.read(l, New(e.d), 41, 150, false))
	if !slices.Equal(rows.Out, want) {
		t.Error("sequences have other bits together")
	}
}

// TestGoingBack cuts, copies and goes on at random, and compares with a memory that read the same tokens at
// once.
func TestGoingBack(t *testing.T) {
	e := newExample(shapes[1], 1500)
	l := NewLayer(e.d, e.conv, e.rate, e.lag)
	want := e.read(l, New(e.d), 0, e.n, false)
	r := rand.New(rand.NewPCG(5, 6))
	m, reached := New(e.d), 0
	for step := range 400 {
		before := m.Len()
		switch r.IntN(5) {
		case 0:
			n := m.Reach(r.IntN(before + 1))
			m.Truncate(n)
			if m.Len() != n {
				t.Fatalf("step %d: Len is %d after Truncate(%d)", step, m.Len(), n)
			}
		case 1:
			other := New(e.d)
			e.read(l, other, 0, r.IntN(100), false)
			other.CopyPrefix(m, m.Reach(r.IntN(before+1)))
			e.read(l, m, before, min(e.n, before+40), false) // must not reach the copy
			m = other
		case 2:
			m.Keep()
		}
		at := m.Len()
		hi := min(e.n, at+[]int{1, 5, 33, 200}[r.IntN(4)])
		draft := hi-at <= Block+1
		if got := e.read(l, m, at, hi, draft); !slices.Equal(got, want[at*e.d.ValueDim():hi*e.d.ValueDim()]) {
			t.Fatalf("step %d: the tokens from %d to %d have other bits", step, at, hi)
		}
		if back := m.Reach(at); draft && back != at {
			t.Fatalf("step %d: after a draft of %d tokens at %d the memory goes back to %d", step, hi-at, at, back)
		}
		reached = max(reached, hi)
		if len(m.kept) > maxKept {
			t.Fatalf("%d states are kept", len(m.kept))
		}
		bytes, most := 0, Bytes(e.d, m.Len())+DraftBytes(e.d)
		m.Parts(func(_ any, n int) bool { bytes += n; return true })
		if bytes > most {
			t.Fatalf("step %d: %d bytes, more than the %d of %d tokens", step, bytes, most, m.Len())
		}
	}
	t.Logf("the longest sequence had %d tokens", reached)
}

// TestKeptStatesAreSpread reads a long text: its kept states must not lie all at one end.
func TestKeptStatesAreSpread(t *testing.T) {
	e := newExample(shapes[0], 4000)
	l, m := NewLayer(e.d, e.conv, e.rate, e.lag), New(&shapes[0])
	e.read(l, m, 0, e.n, false)
	var at []int
	for _, s := range m.kept {
		at = append(at, s.at)
	}
	before := 0
	for _, p := range append(at, e.n) {
		if p-before > e.n/2 {
			t.Errorf("the states are kept at %d", at)
		}
		before = p
	}
	if fmt.Sprint(m.Reach(10)) != "0" {
		t.Error("a position before all states can be reached")
	}
}

// TestAskedStatesStay: a long text after a place that was asked for does not take it away.
func TestAskedStatesStay(t *testing.T) {
	e := newExample(shapes[0], 4000)
	l, m := NewLayer(e.d, e.conv, e.rate, e.lag), New(&shapes[0])
	e.read(l, m, 0, 1000, false)
	m.Keep()
	e.read(l, m, 1000, e.n, false)
	if got := m.Reach(1000); got != 992 {
		t.Errorf("the memory goes back to %d", got)
	}
}

func TestShapesAreCounted(t *testing.T) {
	d := &shapes[1]
	m := New(d)
	b := m.newBlock(m.newState())
	if got, want := blockBytes(d), 4*(len(b.inputs)+len(b.keys)+len(b.updates)+len(b.decays)); got != want {
		t.Errorf("blockBytes is %d, not %d", got, want)
	}
	if s := m.after(b.base, false); stateBytes(d) != 4*(len(s.s)+len(s.tail)) {
		t.Errorf("stateBytes is %d, not %d", stateBytes(d), 4*(len(s.s)+len(s.tail)))
	}
}
