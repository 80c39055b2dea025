package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear"
	"trit/bitlinear/kernel/vector"
	"trit/internal/testutil"
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
	grads := runBackward(f, in, c)
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

// runBackward returns copies of the gradients of the inputs, given the gradient of the output. It
// passes both in one buffer if the operation wants that.
func runBackward(f bitlinear.Func, in [][]float32, c []float32) [][]float32 {
	grads := make([][]float32, len(in))
	for i := range in {
		if f.Grads != nil && f.Grads[i] != nil {
			grads[i] = f.Grads[i]
		} else {
			grads[i] = make([]float32, len(in[i]))
		}
	}
	if f.Shape != nil && f.Grads != nil && f.Grads[0] != nil && len(c) == len(grads[0]) {
		copy(grads[0], c) // gradients of output and first input are one buffer
		f.Backward(in, grads[0], grads)
	} else {
		f.Backward(in, c, grads)
	}
	for i, g := range grads {
		grads[i] = slices.Clone(g)
	}
	return grads
}

func normals(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// testWorkspace is that of a model without ternary layers, which has true derivatives.
func testWorkspace(c model.Config, batch, length int, starts []int32) *workspace {
	c.Resolve()
	return newWorkspace(&c, &bitlinear.Mode{}, Options{Batch: batch, SequenceLength: length, Backward: true}, starts)
}

func TestFiniteDifferences(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	const rows, width, vocab = 6, 10, 7
	c := model.Config{HiddenSize: width, IntermediateSize: 8, NumAttentionHeads: 1, VocabSize: vocab}
	ws := testWorkspace(c, 1, rows, make([]int32, rows))
	norm := &finalNorm{workspace: ws, inverse: make([]float32, rows)}
	checkDifferences(t, "norm", norm.fn(make([]float32, width)), [][]float32{normals(r, rows*width), normals(r, width)})
	embed := &embedding{workspace: ws, tokens: []int32{3, 1, 3, 0, 6, 1}, width: width}
	checkDifferences(t, "embedding", embed.fn(make([]float32, vocab*width)), [][]float32{normals(r, vocab*width)})
	checkDifferences(t, "linear", bitlinear.NewLinear(&bitlinear.Mode{}, &bitlinear.Scratch{}, rows, width, 5, 3, 4).Func("linear"),
		[][]float32{normals(r, rows*width), normals(r, 5*width), normals(r, 3*width), normals(r, 4*width)})
	targets := []int32{3, -1, 0, 6, 2, 2}
	head := newLossHead(ws, vocab, &crossEntropy{targets: targets}, targets, true)
	head.chunk = 4 // tokens, so that there are two chunks, the second a remainder
	f := head.fn(make([]float32, vocab*width))
	mean := f.Forward
	f.Forward = func(in [][]float32, out []float32) { // the gradients are of the sum over M
		mean(in, out)
		out[0] *= float32(head.scored) / rows
	}
	checkDifferences(t, "loss", f, [][]float32{normals(r, rows*width), normals(r, vocab*width)})
}

// With a z-loss what is minimised is loss + z*mean(lse^2) over the targets.
func TestZLossGradient(t *testing.T) {
	const rows, width, vocab, z = 5, 6, 9, 0.05
	r := rand.New(rand.NewPCG(4, 4))
	ws := testWorkspace(model.Config{HiddenSize: width, IntermediateSize: 8, NumAttentionHeads: 1}, 1, rows, make([]int32, rows))
	targets := []int32{3, -1, 0, 6, 2}
	head := newLossHead(ws, vocab, &crossEntropy{targets: targets, zLoss: z}, targets, true)
	f := head.fn(make([]float32, vocab*width))
	x, w := normals(r, rows*width), normals(r, vocab*width)
	f.Forward([][]float32{x, w}, make([]float32, 1))
	objective := func() (sum float64) {
		for i, target := range targets {
			if target < 0 {
				continue
			}
			logits, total := make([]float64, vocab), 0.0
			for v := range vocab {
				for k := range width {
					logits[v] += float64(x[i*width+k]) * float64(w[v*width+k])
				}
				total += math.Exp(logits[v])
			}
			lse := math.Log(total)
			sum += (lse - logits[target] + z*lse*lse) / rows
		}
		return sum
	}
	for i := range x {
		const step = 1.0 / 128
		saved := x[i]
		x[i] = saved + step
		up := objective()
		x[i] = saved - step
		want := (up - objective()) / (2 * step)
		x[i] = saved
		if got := float64(ws.stream[i]); math.Abs(got-want) > 2e-4 {
			t.Errorf("gradient %d is %g, want %g", i, got, want)
		}
	}
}

// The block of three kinds: sub norms and squared ReLU, Llama's, and Qwen3's.
func TestBlockFiniteDifferences(t *testing.T) {
	const batch, length = 2, 7
	starts := []int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 5, 5} // the second row holds three documents
	for _, norms := range [][2]bool{{false, false}, {true, false}, {false, true}} {
		subNorms := norms[0]
		c := model.Config{HiddenSize: 16, IntermediateSize: 12, NumAttentionHeads: 4, NumKeyValueHeads: 2, HeadDim: 6, SubNorms: subNorms,
			QKNorm: norms[1]}
		b := newBlock(testWorkspace(c, batch, length, starts), 0, &Params{})
		r := rand.New(rand.NewPCG(8, 9))
		in, grads := [][]float32{normals(r, batch*length*c.HiddenSize)}, [][]float32{b.stream}
		full := *b.config
		full.NumHiddenLayers, full.VocabSize = 1, 4
		for _, name := range b.names {
			for _, spec := range full.Tensors() {
				if spec.Name == name {
					w := normals(r, spec.Elements())
					if !c.QKNorm || len(spec.Shape) == 2 { // small scores would have gradients near their rounding
						vector.Scale(0.3, w)
					}
					in, grads = append(in, w), append(grads, make([]float32, len(w)))
				}
			}
		}
		checkDifferences(t, fmt.Sprintf("block, sub norms %v, norms of heads %v", subNorms, norms[1]), b.fn(grads), in)
	}
}

// TestScaledBlockFiniteDifferences is the same with rotary scaling that has a magnitude, and turns
// a part of each head.
func TestScaledBlockFiniteDifferences(t *testing.T) {
	const batch, length = 2, 7
	c := model.Config{HiddenSize: 16, IntermediateSize: 12, NumAttentionHeads: 4, NumKeyValueHeads: 2, HeadDim: 6, PartialRotaryFactor: 4.0 / 6,
		MaxPositionEmbeddings: 64, RopeScaling: &model.RotaryScaling{Type: model.RopeLongRoPE, OriginalMaxPositionEmbeddings: 4,
			AttentionFactor: 1.1, ShortFactor: []float32{1, 1}, LongFactor: []float32{1.5, 4}}}
	b := newBlock(testWorkspace(c, batch, length, make([]int32, batch*length)), 0, &Params{})
	r := rand.New(rand.NewPCG(8, 9))
	in, grads := [][]float32{normals(r, batch*length*c.HiddenSize)}, [][]float32{b.stream}
	full := *b.config
	full.NumHiddenLayers, full.VocabSize = 1, 4
	for _, name := range b.names {
		for _, spec := range full.Tensors() {
			if spec.Name == name {
				w := normals(r, spec.Elements())
				vector.Scale(0.35, w)
				in, grads = append(in, w), append(grads, make([]float32, len(w)))
			}
		}
	}
	checkDifferences(t, "scaled block", b.fn(grads), in)
}

// TestRotaryOfScaledModels compares a head that is turned with the formula, and turned back with
// the transpose: the product of both is the square of the magnitude.
func TestRotaryOfScaledModels(t *testing.T) {
	c := model.Config{HeadDim: 8, RopeTheta: 100, MaxPositionEmbeddings: 64, PartialRotaryFactor: 0.5,
		RopeScaling: &model.RotaryScaling{Type: model.RopeYaRN, Factor: 4, OriginalMaxPositionEmbeddings: 16}}
	c.Resolve()
	r, x := newRope(64, &c), normals(rand.New(rand.NewPCG(1, 1)), 8)
	got, magnitude := slices.Clone(x), 0.1*math.Log(4)+1
	r.rotate(got, 63, false)
	for i := range 2 {
		frequency := math.Pow(100, -float64(i)/2)
		low := math.Max(0, math.Floor(4*math.Log(16/(64*math.Pi))/(2*math.Log(100))))
		high := math.Min(3, math.Ceil(4*math.Log(16/(2*math.Pi))/(2*math.Log(100))))
		slow := math.Min(1, math.Max(0, (float64(i)-low)/(high-low)))
		sin, cos := math.Sincos(63 * (frequency/4*slow + frequency*(1-slow)))
		want := magnitude * (float64(x[i])*cos - float64(x[i+2])*sin)
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("pair %d is %v, want %v", i, got[i], want)
		}
	}
	r.rotate(got, 63, true)
	for i := range x {
		want := float64(x[i])
		if i < 4 {
			want *= magnitude * magnitude
		}
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("turned and back, value %d is %v, want %v", i, got[i], want)
		}
	}
}

// testModel is a small model of ternary layers with a batch of several documents.
func testModel(t *testing.T, o Options) *Decoder {
	t.Helper()
	c := model.Config{VocabSize: 50, HiddenSize: 48, IntermediateSize: 80, NumHiddenLayers: 3, NumAttentionHeads: 4, NumKeyValueHeads: 2, SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	c.Resolve()
	o.Batch, o.SequenceLength, o.Backward = 2, 70, true
	d, err := New(NewParams(c, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	r := rand.New(rand.NewPCG(5, 5))
	for i := range d.tokens {
		d.tokens[i], d.targets[i] = int32(r.IntN(50)), int32(r.IntN(50))
		if i%70 >= 40 {
			d.starts[i] = 40
		}
	}
	return d
}

// gradients runs d and copies all its gradients.
func gradients(t *testing.T, d *Decoder) map[string][]float32 {
	t.Helper()
	if _, err := d.Run(); err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for _, s := range d.params.Specs() {
		all[s.Name] = slices.Clone(d.Grad(s.Name))
	}
	return all
}

// forms are the forms of gradients that this machine multiplies.
func forms() []Options {
	list := []Options{{}}
	if HasBF16() {
		list = append(list, Options{BF16: true})
	}
	if HasInt8Gradients() {
		list = append(list, Options{BF16: HasBF16(), Int8Gradients: true})
	}
	return list
}

// TestInt8Gradients: the backward pass is linear in gradients, so those of a whole model that are rounded in each layer are
// off by noise alone, which the mean over keys loses.
func TestInt8Gradients(t *testing.T) {
	if !HasInt8Gradients() {
		t.Skip("this machine has no products of gradients in int8")
	}
	const keys = 36
	want, d := gradients(t, testModel(t, Options{})), testModel(t, Options{Int8Gradients: true})
	mean := map[string][]float32{}
	for key := range uint64(keys) {
		d.SetKey(key)
		for name, g := range gradients(t, d) {
			if off := distance(g, want[name]); off > 0.1 {
				t.Errorf("the gradient of %s is off by %.3g of its length", name, off)
			} else if key == 0 {
				t.Logf("the gradient of %s is off by %.3g of its length", name, off)
			}
			if mean[name] == nil {
				mean[name] = make([]float32, len(g))
			}
			for i, v := range g {
				mean[name][i] += v / keys
			}
		}
	}
	for name, g := range mean {
		if off := distance(g, want[name]); off > 0.1/math.Sqrt(keys) {
			t.Errorf("the mean gradient of %s is off by %.3g of its length", name, off)
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

// Activation checkpointing, the number of threads and bands of rows change no bit; two accumulated runs
// give twice the gradient.
func TestSameGradients(t *testing.T) {
	for _, o := range forms() {
		o.Threads = 1
		one := testModel(t, o)
		if one.ws.rows < bandRows || one.ws.rows >= 3*bandRows {
			t.Fatal("want bands of rows on one thread, and none on three")
		}
		want := gradients(t, one)
		for _, threads := range []int{1, 2, 3} {
			o.CheckpointActivations, o.Threads = true, threads
			d := testModel(t, o)
			for range 2 {
				for name, g := range gradients(t, d) {
					if !slices.Equal(g, want[name]) {
						t.Fatalf("%+v: the gradient of %s is another with checkpointed activations", o, name)
					}
				}
			}
			d.Accumulate(true)
			for name, g := range gradients(t, d) {
				vector.Scale(2, want[name])
				if e := testutil.RelativeL2(g, want[name]); e > 1e-6 {
					t.Errorf("%s: two accumulated gradients differ from twice one by %.3g", name, e)
				}
				vector.Scale(0.5, want[name])
			}
		}
	}
}

// An evaluation is in float32 and leaves a decoder of bfloat16 as it was.
func TestEvaluateBetweenSteps(t *testing.T) {
	if !HasBF16() {
		t.Skip("this machine has no instructions for bfloat16")
	}
	d := testModel(t, Options{BF16: true})
	want := gradients(t, d)
	loss, err := d.Evaluate()
	if err != nil {
		t.Fatal(err)
	}
	inFloat32, err := testModel(t, Options{}).Evaluate()
	if err != nil {
		t.Fatal(err)
	}
	if loss != inFloat32 {
		t.Errorf("the loss is %g, in float32 %g", loss, inFloat32)
	}
	for name, g := range gradients(t, d) {
		if !slices.Equal(g, want[name]) {
			t.Errorf("the gradient of %s is another after an evaluation", name)
		}
	}
}

// The hook names every weight once, and a gradient is complete when it is called.
func TestGradientHook(t *testing.T) {
	d := testModel(t, Options{})
	want := gradients(t, d)
	seen := map[string]int{}
	d.OnGradient(func(names ...string) {
		for _, n := range names {
			seen[n]++
			if n != model.EmbedTokens && !slices.Equal(d.Grad(n), want[n]) {
				t.Errorf("the gradient of %s is not complete", n)
			}
		}
	})
	gradients(t, d)
	for _, s := range d.params.Specs() {
		if seen[s.Name] != 1 {
			t.Errorf("%s was named %d times, want once", s.Name, seen[s.Name])
		}
	}
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
	if r.AllocedBytesPerOp() > 2*activations {
		t.Errorf("a step allocates %d bytes, more than twice the activations of a block, %d", r.AllocedBytesPerOp(), activations)
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
