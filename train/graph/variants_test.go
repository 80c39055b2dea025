package graph

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/model"
)

// A bounded head has the gradient of the cross entropy of cap*tanh(logit/cap), in float64.
func TestSoftCapGradient(t *testing.T) {
	const rows, width, vocab, limit = 5, 6, 9, 1.5
	r := rand.New(rand.NewPCG(4, 4))
	c := model.Config{HiddenSize: width, IntermediateSize: 8, NumAttentionHeads: 1, FinalLogitSoftcapping: limit}
	ws := testWorkspace(c, 1, rows, make([]int32, rows))
	targets := []int32{3, -1, 0, 6, 2}
	head := newLossHead(ws, vocab, &crossEntropy{targets: targets, zLoss: 0.05}, targets, true)
	head.chunk = 3 // tokens, so that there are two chunks
	f := head.fn(make([]float32, vocab*width))
	x, w, loss := normals(r, rows*width), normals(r, vocab*width), make([]float32, 1)
	f.Forward([][]float32{x, w}, loss)
	objective := func(z float64) (sum float64) {
		for i, target := range targets {
			if target < 0 {
				continue
			}
			logits, total := make([]float64, vocab), 0.0
			for v := range vocab {
				for k := range width {
					logits[v] += float64(x[i*width+k]) * float64(w[v*width+k])
				}
				logits[v] = limit * math.Tanh(logits[v]/limit)
				total += math.Exp(logits[v])
			}
			lse := math.Log(total)
			sum += (lse - logits[target] + z*lse*lse) / rows
		}
		return sum
	}
	if want := objective(0) * rows / 4; math.Abs(float64(loss[0])-want) > 1e-6 {
		t.Errorf("the loss is %g, want %g", loss[0], want)
	}
	for name, in := range map[string]struct{ values, grad []float32 }{"x": {x, ws.stream}, "w": {w, head.dWeight}} {
		for i := range in.values {
			const step = 1.0 / 128
			saved := in.values[i]
			in.values[i] = saved + step
			up := objective(0.05)
			in.values[i] = saved - step
			want := (up - objective(0.05)) / (2 * step)
			in.values[i] = saved
			if got := float64(in.grad[i]); math.Abs(got-want) > 2e-4 {
				t.Errorf("gradient %d of %s is %g, want %g", i, name, got, want)
			}
		}
	}
	logits := make([]float32, vocab)
	if head.makeLogits(logits, 2, 3); slices.Max(logits) > limit || slices.Min(logits) < -limit {
		t.Errorf("logits %v are beyond %g", logits, limit)
	}
}

// turnedBlock is a block without ternary layers, its operation and inputs.
func turnedBlock(c model.Config, batch, length int) (b *block, in, grads [][]float32) {
	b = newBlock(testWorkspace(c, batch, length, make([]int32, batch*length)), 0, &Params{})
	r := rand.New(rand.NewPCG(8, 9))
	in, grads = [][]float32{normals(r, batch*length*c.HiddenSize)}, [][]float32{b.stream}
	full := *b.config
	full.NumHiddenLayers, full.VocabSize = 1, 4
	for _, name := range b.names {
		for _, spec := range full.Tensors() {
			if spec.Name == name {
				w := normals(r, spec.Elements())
				for i := range w {
					w[i] *= 0.3
				}
				in, grads = append(in, w), append(grads, make([]float32, len(w)))
			}
		}
	}
	return b, in, grads
}

// hadamardConfig has inputs of 24 and 12 values that are turned.
func hadamardConfig(subNorms bool, block int) model.Config {
	return model.Config{HiddenSize: 16, IntermediateSize: 12, NumAttentionHeads: 4, NumKeyValueHeads: 2, HeadDim: 6,
		SubNorms: subNorms, HadamardBlock: block}
}

func TestTurnedBlockFiniteDifferences(t *testing.T) {
	for _, subNorms := range []bool{false, true} {
		b, in, grads := turnedBlock(hadamardConfig(subNorms, 4), 2, 7)
		checkDifferences(t, "turned block", b.fn(grads), in)
	}
}

// A block whose inputs are turned computes what one computes whose weights are: (W H) x = W (H x).
func TestTurnedBlockIsOneOfTurnedWeights(t *testing.T) {
	for _, subNorms := range []bool{false, true} {
		turned, in, grads := turnedBlock(hadamardConfig(subNorms, 4), 2, 7)
		plain, weights, _ := turnedBlock(hadamardConfig(subNorms, 0), 2, 7)
		for i, name := range plain.names {
			if name == model.LayerTensor(0, model.OProj) || name == model.LayerTensor(0, model.DownProj) {
				weights[i+1] = timesHadamard(weights[i+1], 4)
			}
		}
		got, want := make([]float32, len(in[0])), make([]float32, len(in[0]))
		turned.fn(grads).Forward(in, got)
		plain.fn(grads).Forward(weights, want)
		for i, v := range want {
			if math.Abs(float64(got[i]-v)) > 1e-5 {
				t.Fatalf("sub norms %v: value %d is %g, want %g", subNorms, i, got[i], v)
			}
		}
	}
}

// timesHadamard is w H / sqrt(block), block by block.
func timesHadamard(w []float32, block int) []float32 {
	out := make([]float32, len(w))
	for i := range w {
		for j := range block {
			sign := 1 - 2*float64(bits.OnesCount(uint(j&(i%block)))%2)
			out[i] += float32(sign * float64(w[i-i%block+j]) / math.Sqrt(float64(block)))
		}
	}
	return out
}

// Each option changes what the whole graph computes, and so does a first stage in 8 bits.
func TestVariantsAreInTheGraph(t *testing.T) {
	losses := map[float32]string{}
	for name, change := range map[string]func(*model.Config){
		"none": func(*model.Config) {}, "cap": func(c *model.Config) { c.FinalLogitSoftcapping = 0.1 },
		"hadamard": func(c *model.Config) { c.HadamardBlock = 16 }, "int4": func(c *model.Config) { c.Int4Activations = true },
		"deadzone": func(c *model.Config) { c.DeadzoneBias = 0.5 },
	} {
		d := variantModel(t, change)
		loss, err := d.Run()
		if err != nil {
			t.Fatal(err)
		}
		if other, seen := losses[loss]; seen {
			t.Errorf("%s has the loss of %s, %g", name, other, loss)
		}
		losses[loss] = name
		d.SetRounding(Rounding{Lambda: 1, Int8: true})
		if again, err := d.Run(); err != nil || (again == loss) == (name == "int4") {
			t.Errorf("%s: with 8 bits the loss is %g, %v, with those of the model %g", name, again, err, loss)
		}
	}
}

// variantModel is a small ternary model with a batch of tokens.
func variantModel(t *testing.T, change func(*model.Config)) *Decoder {
	t.Helper()
	c := model.Config{VocabSize: 50, HiddenSize: 48, IntermediateSize: 80, NumHiddenLayers: 2, NumAttentionHeads: 4,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	change(&c)
	c.Resolve()
	d, err := New(NewParams(c, 1), Options{Batch: 2, SequenceLength: 16, Backward: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	r := rand.New(rand.NewPCG(5, 5))
	for i := range d.tokens {
		d.tokens[i], d.targets[i] = int32(r.IntN(50)), int32(r.IntN(50))
	}
	return d
}
