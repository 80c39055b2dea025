// Package adapter holds low-rank adapters of ternary and other models (LoRA, arXiv 2106.09685): two
// thin matrices for each weight that is adapted.
package adapter

import (
	"fmt"
	"math"
	"slices"

	"trit/bitlinear/kernel/vector"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
)

// Placement says where an adapter stands.
type Placement string

const (
	// Beside the layer, as PEFT has it: y = W x + s B A x. Of a ternary layer, x is not rounded for
	// the adapter.
	Beside Placement = "beside"
	// Inside the quantiser: the layer's weight is ternary(W + s B A), so a merge changes nothing.
	Inside Placement = "inside"
)

// Adapter is low-rank matrices for weights of a model.
type Adapter struct {
	Alpha          float64
	RankStabilized bool // rsLoRA: s is alpha over the square root of the rank, not over the rank
	Placement      Placement
	Dropout        float64 // share of the inputs of A that training sets to zero
	Base           string  // what the adapter belongs to, as its maker names it; may be ""
	ChatTemplate   string  // that lays out what it was trained on; "" if its files have none
	// Pairs holds the matrices by the weight that they adapt, such as model.LayerTensor(0, model.QProj).
	Pairs map[string]Pair
}

// Pair is the two matrices of a weight [Out,In].
type Pair struct {
	Rank, In, Out int
	A             []float32 // [Rank,In]
	B             []float32 // [Out,Rank]
}

// Tokenizer is the tokenizer of a model, nil for none, as the adapter needs it: with the adapter's chat template, if
// there is one, in the place of the model's.
func (a *Adapter) Tokenizer(of *tokenizer.Tokenizer) (*tokenizer.Tokenizer, error) {
	if of == nil || a.ChatTemplate == "" || of.ChatTemplate().Text == a.ChatTemplate {
		return of, nil
	}
	return tokenizer.FromVocab(a.Vocab(of.Vocab()))
}

// Vocab is Tokenizer for the form of a GGUF file.
func (a *Adapter) Vocab(of tokenizer.Vocab) tokenizer.Vocab {
	if a.ChatTemplate != "" && of.ChatTemplate != a.ChatTemplate {
		of.ChatTemplate, of.Templates = a.ChatTemplate, nil
	}
	return of
}

// Scale is s, by which a product B A of this rank is multiplied.
func (a *Adapter) Scale(rank int) float64 {
	if a.RankStabilized {
		return a.Alpha / math.Sqrt(float64(rank))
	}
	return a.Alpha / float64(rank)
}

// AddRow adds row i of scale B A to dst, [In]. The order in which it adds is fixed, so that a merge
// has the bits of a training that adds with it.
func (p *Pair) AddRow(dst []float32, i int, scale float64) {
	for r, b := range p.B[i*p.Rank:][:p.Rank] {
		vector.Axpy(float32(scale)*b, p.A[r*p.In:][:p.In], dst)
	}
}

// Names are the weights that are adapted, in order.
func (a *Adapter) Names() []string {
	names := make([]string, 0, len(a.Pairs))
	for n := range a.Pairs {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Check returns an error unless every pair fits a projection of the model's blocks.
func (a *Adapter) Check(c *model.Config) error {
	if c.Basis != nil {
		return setting.Needs("convert.Options.Unrotate",
			"the model's weights are in a rotated basis, and an adapter does not say in which one it is",
			"convert the model with {convert.Options.Unrotate} first")
	}
	specs := projections(c)
	for _, name := range a.Names() {
		spec, ok := specs[name]
		if !ok {
			return a.other("it has matrices for %s, which is no projection of the model's blocks", name)
		}
		if err := a.checkPair(name, spec.Shape); err != nil {
			return err
		}
	}
	return nil
}

// projections are the weights of a model that an adapter can have matrices for, by name.
func projections(c *model.Config) map[string]model.TensorSpec {
	specs := map[string]model.TensorSpec{}
	for _, spec := range c.Tensors() {
		if spec.Layer >= 0 && len(spec.Shape) == 2 {
			specs[spec.Name] = spec
		}
	}
	return specs
}

// checkPair tests the matrices of a weight of this shape.
func (a *Adapter) checkPair(name string, shape []int) error {
	p := a.Pairs[name]
	if p.Out != shape[0] || p.In != shape[1] {
		return a.other("its matrices for %s make %d x %d, and the model's weight is %d x %d",
			name, p.Out, p.In, shape[0], shape[1])
	}
	if p.Rank < 1 || p.Rank > maxRank {
		return fmt.Errorf("the adapter's matrices for %s have rank %d: want 1 to %d", name, p.Rank, maxRank)
	}
	if len(p.A) != p.Rank*p.In || len(p.B) != p.Out*p.Rank {
		return fmt.Errorf("the adapter's matrices for %s have %d and %d values: want %d and %d for rank %d",
			name, len(p.A), len(p.B), p.Rank*p.In, p.Out*p.Rank, p.Rank)
	}
	if s := a.Scale(p.Rank); math.IsNaN(s) || math.IsInf(s, 0) {
		return fmt.Errorf("the adapter's alpha is %g: want a finite number", a.Alpha)
	}
	if !finite(p.A) || !finite(p.B) {
		return fmt.Errorf("the adapter's matrices for %s hold values that are not finite: "+
			"the file is damaged, or training had diverged", name)
	}
	return nil
}

// maxRank is far above any adapter's.
const maxRank = 1 << 14

func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 })
}

// other is the error of an adapter that does not fit the model.
func (a *Adapter) other(format string, args ...any) error {
	belongs := "the adapter belongs to another model"
	if a.Base != "" {
		belongs += fmt.Sprintf("; it says that it was made for %q", a.Base)
	}
	return fmt.Errorf("%s: %s", fmt.Sprintf(format, args...), belongs)
}
