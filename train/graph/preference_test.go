package graph

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"trit/bitlinear/kernel/vector"
	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/model"
)

// A file of -golden that holds pairs is compared with PyTorch's figures.
func TestGoldenPreference(t *testing.T) {
	for _, path := range testutil.TuningGoldens(t, "", "dpo") {
		t.Run(filepath.Base(path), func(t *testing.T) { testGoldenPreference(t, path) })
	}
}

// testGoldenPreference compares losses, log-probabilities, rewards and gradients. A reward is a
// difference of two log-probabilities and may be as wrong as those.
func testGoldenPreference(t *testing.T, path string) {
	f := testutil.OpenGolden(t, path)
	defer f.Close()
	var o Preference
	if err := json.Unmarshal([]byte(f.Metadata()["dpo"]), &o); err != nil {
		t.Fatal(err)
	}
	info, _ := f.Tensor("mask")
	pairs, length := info.Shape[0], info.Shape[1]
	options := Options{Batch: 2 * pairs, SequenceLength: length, Backward: true, Preference: &o}
	reference, policy := goldenPairs(t, f, "ref.", options), goldenPairs(t, f, "param.", options)
	if _, err := reference.Evaluate(); err != nil {
		t.Fatal(err)
	}
	sums := [2][]float32{testutil.Floats(t, f, "logp.ref_chosen"), testutil.Floats(t, f, "logp.ref_rejected")}
	for i := range pairs {
		policy.Reference()[2*i], policy.Reference()[2*i+1] = float64(sums[Chosen][i]), float64(sums[Rejected][i])
	}
	loss, err := policy.Run()
	if err != nil {
		t.Fatal(err)
	}
	checkClose(t, "loss", []float32{loss}, testutil.Floats(t, f, "loss"), 1e-3)
	rewards := func(name, logProbs string) float64 {
		return 1e-3 * o.Beta * norm(testutil.Floats(t, f, logProbs)) / norm(testutil.Floats(t, f, name))
	}
	for _, figure := range []struct {
		name      string
		d         *Decoder
		value     func(p *Pair) float64
		tolerance float64
	}{
		{"logp.ref_chosen", reference, func(p *Pair) float64 { return p.LogProbs[Chosen] }, 1e-3},
		{"logp.ref_rejected", reference, func(p *Pair) float64 { return p.LogProbs[Rejected] }, 1e-3},
		{"logp.policy_chosen", policy, func(p *Pair) float64 { return p.LogProbs[Chosen] }, 1e-3},
		{"logp.policy_rejected", policy, func(p *Pair) float64 { return p.LogProbs[Rejected] }, 1e-3},
		{"reward.chosen", policy, func(p *Pair) float64 { return p.Rewards[Chosen] },
			rewards("reward.chosen", "logp.policy_chosen")},
		{"reward.rejected", policy, func(p *Pair) float64 { return p.Rewards[Rejected] },
			rewards("reward.rejected", "logp.policy_rejected")},
	} {
		var got []float32
		for i := range figure.d.Pairs() {
			got = append(got, float32(figure.value(&figure.d.Pairs()[i])))
		}
		checkClose(t, figure.name, got, testutil.Floats(t, f, figure.name), figure.tolerance)
	}
	for _, spec := range policy.params.Specs() {
		got := policy.Grad(spec.Name)
		for i := range got {
			got[i] *= float32(2 * length) // the graph divides by all positions, PyTorch by the pairs
		}
		checkClose(t, "grad "+spec.Name, got, testutil.Floats(t, f, "grad."+spec.Name), 2e-2)
	}
}

// norm is the length of x.
func norm(x []float32) float64 { return math.Sqrt(float64(vector.Dot(x, x))) }

// goldenPairs is the graph of the model whose weights have a prefix, with the pairs of a golden.
func goldenPairs(t *testing.T, f *safetensors.File, prefix string, o Options) *Decoder {
	t.Helper()
	p := EmptyParams(testutil.GoldenModel(t, f))
	for _, spec := range p.Specs() {
		copy(p.Value(spec.Name), testutil.Floats(t, f, prefix+spec.Name))
	}
	d, err := New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	mask := testutil.Floats(t, f, "mask")
	for side, name := range []string{"chosen", "rejected"} {
		tokens, err := f.Int32(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range o.Batch / 2 {
			row, at := tokens[i*(o.SequenceLength+1):], (2*i+side)*o.SequenceLength
			copy(d.Tokens()[at:], row[:o.SequenceLength])
			for k := range o.SequenceLength {
				if d.Targets()[at+k] = -1; mask[i*o.SequenceLength+k] > 0 {
					d.Targets()[at+k] = row[k+1]
				}
			}
		}
	}
	return d
}

// preferenceVariants are the forms of the loss.
var preferenceVariants = []Preference{{Beta: 0.3}, {Beta: 0.3, LabelSmoothing: 0.2}, {Beta: 2, LengthNormalized: true},
	{Beta: 2, LabelSmoothing: 0.1, LengthNormalized: true}}

// pairTargets are the targets of three pairs of rows of three tokens. The second pair is padding.
func pairTargets() []int32 {
	return []int32{3, -1, 0, -1, 2, -1, -1, -1, -1, -1, -1, -1, 6, 2, 5, 1, 1, -1}
}

// preferenceHead is a head over the rows of pairTargets whose logits are in chunks of a few rows.
func preferenceHead(width, vocab, chunk int, v Preference) (*lossHead, *preference) {
	targets := pairTargets()
	const batch, length = 6, 3
	c := model.Config{HiddenSize: width, IntermediateSize: 8, NumAttentionHeads: 1, VocabSize: vocab}
	o := newPreference(Options{Batch: batch, SequenceLength: length, Backward: true, Preference: &v}, targets)
	copy(o.reference, []float64{-5, -3, 0, 0, -4, -7.5})
	h := newLossHead(testWorkspace(c, batch, length, make([]int32, len(targets))), vocab, o, targets, true)
	h.chunk = chunk
	return h, o
}

func TestPreferenceFiniteDifferences(t *testing.T) {
	const width, vocab = 10, 7
	for _, v := range preferenceVariants {
		for _, chunk := range []int{4, 18} {
			r := rand.New(rand.NewPCG(8, 8))
			h, o := preferenceHead(width, vocab, chunk, v)
			if err := o.check(); err != nil {
				t.Fatal(err)
			}
			f := h.fn(make([]float32, vocab*width))
			mean := f.Forward
			f.Forward = func(in [][]float32, out []float32) { // the gradients are of the sum over M
				mean(in, out)
				out[0] *= float32(h.scored) / float32(h.rows)
			}
			checkDifferences(t, "preference", f, [][]float32{normals(r, h.rows*width), normals(r, vocab*width)})
			if h.scored != 2 {
				t.Errorf("%d pairs are scored, want 2: one is padding", h.scored)
			}
		}
	}
}

// The loss, rewards and log-probabilities of each form against the formulas in float64.
func TestPreferenceLoss(t *testing.T) {
	const width, vocab = 10, 7
	for _, v := range preferenceVariants {
		r := rand.New(rand.NewPCG(3, 8))
		h, o := preferenceHead(width, vocab, 4, v)
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		x, w := normals(r, h.rows*width), normals(r, vocab*width)
		out := make([]float32, 1)
		h.fn(make([]float32, vocab*width)).Forward([][]float32{x, w}, out)
		total := 0.0
		for _, i := range []int{0, 2} {
			var logP, reward [2]float64
			for side := range 2 {
				row, n := 2*i+side, 0.0
				for k := row * 3; k < row*3+3; k++ {
					if target := pairTargets()[k]; target >= 0 {
						logP[side] += logSoftmax(x[k*width:][:width], w, vocab)[target]
						n++
					}
				}
				if reward[side] = v.Beta * (logP[side] - o.reference[row]); v.LengthNormalized {
					reward[side] /= n
				}
			}
			sigmoid := 1 / (1 + math.Exp(reward[1]-reward[0]))
			loss := -(1-v.LabelSmoothing)*math.Log(sigmoid) - v.LabelSmoothing*math.Log(1-sigmoid)
			total += loss / 2
			p := o.pairs[i]
			for side := range 2 {
				checkNear(t, "log-probability", p.LogProbs[side], logP[side])
				checkNear(t, "reward", p.Rewards[side], reward[side])
			}
			checkNear(t, "margin", p.Margin(), reward[0]-reward[1])
			checkNear(t, "loss", p.Loss, loss)
		}
		checkNear(t, "mean loss", float64(out[0]), total)
	}
}

func checkNear(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 2e-5*max(1, math.Abs(want))) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// logSoftmax is that of x times the transpose of w, in float64.
func logSoftmax(x, w []float32, vocab int) []float64 {
	logits, sum := make([]float64, vocab), 0.0
	for v := range vocab {
		for k := range x {
			logits[v] += float64(x[k]) * float64(w[v*len(x)+k])
		}
		sum += math.Exp(logits[v])
	}
	for v := range logits {
		logits[v] -= math.Log(sum)
	}
	return logits
}

// A margin that exp overflows at has a loss and a slope.
func TestPreferenceOfExtremeMargins(t *testing.T) {
	for _, reference := range []float64{-1e6, 1e6} {
		h, o := preferenceHead(4, 7, 4, Preference{Beta: 1, LabelSmoothing: 0.1})
		o.reference[0] = reference
		r := rand.New(rand.NewPCG(3, 8))
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		out := make([]float32, 1)
		h.fn(make([]float32, 28)).Forward([][]float32{normals(r, h.rows*4), normals(r, 28)}, out)
		want := -logSigmoid(o.pairs[0].Margin()) - 0.1*o.pairs[0].Margin()*-1
		if p := o.pairs[0]; math.Abs(p.Loss/want-1) > 1e-6 || math.IsInf(p.Loss, 0) || o.slopes[0] != o.slopes[0] {
			t.Errorf("margin %g: loss %g, want %g; slope %g", p.Margin(), p.Loss, want, o.slopes[0])
		}
	}
}

func TestBadPairsAreRefused(t *testing.T) {
	c := model.Config{VocabSize: 16, HiddenSize: 16, IntermediateSize: 32, NumHiddenLayers: 1, NumAttentionHeads: 2}
	c.Resolve()
	p, o := NewParams(c, 1), Options{Batch: 3, SequenceLength: 4, Preference: &Preference{Beta: 0.1}}
	if _, err := New(p, o); err == nil || !strings.Contains(err.Error(), "even number") {
		t.Errorf("three rows: got %v", err)
	}
	o.Batch = 2
	d, err := New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	copy(d.Targets(), []int32{-1, -1, -1, -1, 2, -1, -1, -1})
	if _, err := d.Run(); err == nil || !strings.Contains(err.Error(), "0 targets in the chosen row and 1") {
		t.Errorf("a pair without targets in one row: got %v", err)
	}
}
