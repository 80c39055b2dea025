package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	"trit/bitlinear"
	"trit/model"
)

// checkDifferences compares Backward with central differences of L = sum(c*out), with
// random c, at every element of every input. The step of 2^-7 keeps the rounding of
// float32 and the third derivative both near 1e-4.
func checkDifferences(t *testing.T, name string, f bitlinear.Func, in [][]float32) {
	t.Helper()
	const step, tolerance = 1.0 / 128, 5e-3
	r := rand.New(rand.NewPCG(9, 9))
	size := 1
	for _, d := range f.Shape {
		size *= d
	}
	out, c := make([]float32, size), make([]float32, size)
	for i := range c {
		c[i] = float32(r.NormFloat64())
	}
	if f.Shape == nil {
		c[0] = 1
	}
	value := func() float64 {
		f.Forward(in, out)
		sum := 0.0
		for i, v := range out {
			sum += float64(v) * float64(c[i])
		}
		return sum
	}
	value()
	grads := make([][]float32, len(in))
	for i := range in {
		grads[i] = make([]float32, len(in[i]))
	}
	f.Backward(in, c, grads)
	for i, x := range in {
		var diff, norm float64
		for j := range x {
			saved := x[j]
			x[j] = saved + step
			up := value()
			x[j] = saved - step
			down := value()
			x[j] = saved
			want := (up - down) / (2 * step)
			diff += (want - float64(grads[i][j])) * (want - float64(grads[i][j]))
			norm += want * want
		}
		if e := math.Sqrt(diff / norm); !(e < tolerance) {
			t.Errorf("%s: the gradient of input %d differs by %.3g", name, i, e)
		} else {
			t.Logf("%s: input %d %.2g", name, i, e)
		}
	}
}

func normals(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestFiniteDifferences(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	const rows, width = 6, 10
	checkDifferences(t, "rmsnorm", rmsNorm(rows, width, 1e-5), [][]float32{normals(r, rows*width), normals(r, width)})
	checkDifferences(t, "residual", residual(rows, width), [][]float32{normals(r, rows*width), normals(r, rows*width)})
	for _, act := range []string{model.ReLU2, model.SiLU} {
		checkDifferences(t, act, gatedUnit(rows, width, act), [][]float32{normals(r, 2*rows*width)})
	}
	checkDifferences(t, "embedding", embedding([]int32{3, 1, 3, 0, 6, 1}, width), [][]float32{normals(r, 7*width)})
	checkDifferences(t, "linear", bitlinear.NewLinear(false, rows, width, 5, 3, 4).Func("linear"),
		[][]float32{normals(r, rows*width), normals(r, 5*width), normals(r, 3*width), normals(r, 4*width)})

	head := newLossHead(rows, width, 7, []int32{3, -1, 0, 6, 2, 2})
	checkDifferences(t, "loss", head.fn(), [][]float32{normals(r, rows*width), normals(r, 7*width)})

	c := model.Config{HiddenSize: 16, NumAttentionHeads: 4, NumKeyValueHeads: 2, HeadDim: 4}
	const batch, length = 2, 7
	starts := []int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 5, 5} // the second row holds three documents
	a := newAttention(&c, batch, length, newRope(length, 4, 10000), starts, true)
	checkDifferences(t, "attention", a.fn(), [][]float32{normals(r, batch*length*(16+2*8))})
}

// Documents in one row must not see each other, so each gives what it gives alone.
func TestDocumentsDoNotSeeEachOther(t *testing.T) {
	c := model.Config{VocabSize: 16, HiddenSize: 16, IntermediateSize: 32, NumHiddenLayers: 2, NumAttentionHeads: 2, SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	c.Resolve()
	p := NewParams(c, 1)
	both, err := New(p, Options{Batch: 1, SequenceLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	alone, err := New(p, Options{Batch: 1, SequenceLength: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	copy(both.Tokens(), []int32{1, 2, 3, 4, 5, 6, 7, 8})
	copy(both.Targets(), []int32{2, 3, -1, 5, 6, 7, 8, 9})
	copy(both.Starts(), []int32{0, 0, 0, 3, 3, 3, 3, 3})
	copy(alone.Tokens(), []int32{4, 5, 6, 7, 8})
	copy(alone.Targets(), []int32{5, 6, 7, 8, 9})
	for _, d := range []*Decoder{both, alone} {
		if _, err := d.Run(); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range alone.TokenLosses() {
		// Rotary angles count from the row's beginning: equal up to rounding, and int8 activations may flip.
		if got := both.TokenLosses()[3+i]; math.Abs(float64(got-want)) > 2e-2 {
			t.Errorf("token %d: loss %g, alone %g", i, got, want)
		}
	}
}

// A steady step allocates next to nothing, whatever the size of the model.
func TestSteadyStepAllocatesLittle(t *testing.T) {
	c := model.Config{VocabSize: 256, HiddenSize: 64, IntermediateSize: 128, NumHiddenLayers: 2, NumAttentionHeads: 4, SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	c.Resolve()
	d, err := New(NewParams(c, 1), Options{Batch: 4, SequenceLength: 64, Backward: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	run := func() {
		if _, err := d.Run(); err != nil {
			t.Fatal(err)
		}
	}
	run()
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run()
		}
	})
	activations := int64(4 * 64 * 64 * 4) // one [M,D] buffer
	if r.AllocedBytesPerOp() > 8*activations {
		t.Errorf("a step allocates %d bytes, more than eight activations of %d", r.AllocedBytesPerOp(), activations)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	c := model.Config{VocabSize: 16, HiddenSize: 16, IntermediateSize: 32, NumHiddenLayers: 1, NumAttentionHeads: 2, MaxPositionEmbeddings: 8}
	c.Resolve()
	p := NewParams(c, 1)
	if _, err := New(p, Options{Batch: 1, SequenceLength: 9}); err == nil {
		t.Error("a row longer than max_position_embeddings was accepted")
	}
	d, err := New(p, Options{Batch: 1, SequenceLength: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.Tokens()[2] = 16
	if _, err := d.Run(); err == nil {
		t.Error("a token outside the vocabulary was accepted")
	}
}
