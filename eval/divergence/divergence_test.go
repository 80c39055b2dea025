package divergence_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/eval"
	"trit/eval/divergence"
)

const vocab = 17

// random is a model whose logits follow from the token alone.
func random(seed uint64, spread float64) divergence.Forward {
	return func(ids []int32, logits []float32, from int) error {
		for i, id := range ids[from:] {
			r := rand.New(rand.NewPCG(seed, uint64(id)))
			for k := range vocab {
				logits[i*vocab+k] = float32(spread * r.NormFloat64())
			}
		}
		return nil
	}
}

// mixed is a model between two others.
func mixed(a, b divergence.Forward, share float32) divergence.Forward {
	return func(ids []int32, logits []float32, from int) error {
		other := make([]float32, len(logits))
		if err := a(ids, logits, from); err != nil {
			return err
		}
		err := b(ids, other, from)
		for i := range logits {
			logits[i] += share * (other[i] - logits[i])
		}
		return err
	}
}

func windows(n, length, targets int) (out []eval.TokenDocument) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		ids := make([]int32, length)
		for i := range ids {
			ids[i] = int32(r.IntN(vocab))
		}
		out = append(out, eval.TokenDocument{IDs: ids, Targets: targets})
	}
	return out
}

// probabilities are those after each token, by the definition of softmax.
func probabilities(t *testing.T, f divergence.Forward, id int32) []float64 {
	t.Helper()
	logits := make([]float32, vocab)
	if err := f([]int32{id}, logits, 0); err != nil {
		t.Fatal(err)
	}
	p, sum := make([]float64, vocab), 0.0
	for i, l := range logits {
		p[i] = math.Exp(float64(l))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// TestMeasure compares with sums by the definitions, in float64.
func TestMeasure(t *testing.T) {
	base := random(3, 2)
	model := mixed(base, random(4, 2), 0.6)
	w := windows(20, 12, 7)
	var kl, change []float64
	var loss, baseLoss, same, top5, n float64
	for _, d := range w {
		for k := len(d.IDs) - d.Targets; k < len(d.IDs); k++ {
			p, q, next := probabilities(t, base, d.IDs[k-1]), probabilities(t, model, d.IDs[k-1]), d.IDs[k]
			sum := 0.0
			for i := range p {
				sum += p[i] * math.Log(p[i]/q[i])
			}
			kl, change = append(kl, sum), append(change, q[next]-p[next])
			loss, baseLoss, n = loss-math.Log(q[next]), baseLoss-math.Log(p[next]), n+1
			top := slices.Index(p, slices.Max(p))
			order := slices.Clone(q)
			slices.Sort(order)
			if q[top] == order[vocab-1] {
				same++
			}
			if q[top] >= order[vocab-5] {
				top5++
			}
		}
	}
	r, err := divergence.Measure(t.Context(), divergence.Options{Model: model, Base: base, Vocab: vocab, Windows: w})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(values []float64, power float64) (s float64) {
		for _, v := range values {
			s += math.Pow(v, power)
		}
		return s / n
	}
	slices.Sort(kl)
	for what, pair := range map[string][2]float64{
		"KL": {r.KL.Value, sum(kl, 1)}, "median": {r.Median, (kl[69] + kl[70]) / 2}, "maximum": {r.Maximum, kl[139]},
		"same": {r.SameTop.Value, same / n}, "top 5": {r.InTop5.Value, top5 / n},
		"change": {r.Change.Value, sum(change, 1)}, "RMS": {r.ChangeRMS, math.Sqrt(sum(change, 2))},
		"perplexity": {r.Perplexity.Value, math.Exp(loss / n)}, "base": {r.BasePerplexity.Value, math.Exp(baseLoss / n)},
		"ratio": {r.LogRatio.Value, (loss - baseLoss) / n},
	} {
		if !(math.Abs(pair[0]-pair[1]) < 1e-6) {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
	// The windows have as many tokens, so their means have the mean of all, and its error.
	var perWindow, losses []float64
	for _, w := range r.PerWindow {
		perWindow, losses = append(perWindow, w.KL), append(losses, w.Loss-w.BaseLoss)
	}
	for what, v := range map[string]struct {
		of   []float64
		want divergence.Value
	}{"KL": {perWindow, r.KL}, "ratio": {losses, r.LogRatio}} {
		mean, squares := 0.0, 0.0
		for _, x := range v.of {
			mean += x / 20
		}
		for _, x := range v.of {
			squares += (x - mean) * (x - mean)
		}
		if stderr := math.Sqrt(squares / 19 / 20); math.Abs(mean-v.want.Value) > 1e-12 || math.Abs(stderr-*v.want.Stderr) > 1e-12 {
			t.Errorf("%s by window %v ± %v, want %v ± %v", what, mean, stderr, v.want.Value, *v.want.Stderr)
		}
	}
	if r.Tokens != 140 || r.Windows != 20 || *r.KL.Stderr <= 0 || same == n || top5 == n {
		t.Errorf("%+v; same %v, top 5 %v", r, same, top5)
	}
}

func TestMeasureOfEqualModels(t *testing.T) {
	r, err := divergence.Measure(t.Context(), divergence.Options{
		Model: random(3, 2), Base: random(3, 2), Vocab: vocab, Windows: windows(3, 8, 4),
	})
	if err != nil || r.KL.Value > 1e-12 || r.SameTop.Value != 1 || r.Change.Value != 0 || r.LogRatio.Value != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := divergence.Measure(t.Context(), divergence.Options{Model: random(3, 2), Base: random(3, 2), Vocab: vocab}); err == nil {
		t.Error("no windows are compared")
	}
	r, err = divergence.Measure(t.Context(), divergence.Options{
		Model: random(3, 2), Base: random(4, 2), Vocab: vocab, Windows: windows(1, 8, 4),
	})
	if err != nil || r.KL.Stderr != nil || r.Perplexity.Stderr != nil {
		t.Errorf("a single window has a standard error: %+v, %v", r, err)
	}
}

func ExampleMeasure() {
	r, err := divergence.Measure(context.Background(), divergence.Options{
		Model: random(3, 1), Base: random(3, 1), Vocab: vocab, Windows: windows(2, 8, 4),
	})
	fmt.Printf("%.3f nats, %.0f %% the same %v\n", r.KL.Value, 100*r.SameTop.Value, err)
	// Output: 0.000 nats, 100 % the same <nil>
}
