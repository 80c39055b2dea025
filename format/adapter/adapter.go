// Package adapter holds low-rank adapters of ternary and other models (LoRA, arXiv 2106.09685): two
// thin matrices for each weight that is adapted.
package adapter

import (
	"fmt"
	"math"
	"slices"

	"trit/model"
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
	// Pairs holds the matrices by the weight that they adapt, such as model.LayerTensor(0, model.QProj).
	Pairs map[string]Pair
}

// Pair is the two matrices of a weight [Out,In].
type Pair struct {
	Rank, In, Out int
	A             []float32 // [Rank,In]
	B             []float32 // [Out,Rank]
}

// Scale is s, by which a product B A of this rank is multiplied.
func (a *Adapter) Scale(rank int) float64 {
	if a.RankStabilized {
		return a.Alpha / math.Sqrt(float64(rank))
	}
	return a.Alpha / float64(rank)
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

// Check returns an error unless every pair fits a weight of the model.
func (a *Adapter) Check(c *model.Config) error {
	shapes := map[string][]int{}
	for _, spec := range c.Tensors() {
		shapes[spec.Name] = spec.Shape
	}
	for _, name := range a.Names() {
		p, shape := a.Pairs[name], shapes[name]
		if len(shape) != 2 {
			return fmt.Errorf("the adapter has matrices for %s, which the model has not: it belongs to another model", name)
		}
		if p.Out != shape[0] || p.In != shape[1] {
			return fmt.Errorf("the adapter's matrices for %s make %d x %d, the model's weight is %d x %d: "+
				"the adapter belongs to another model", name, p.Out, p.In, shape[0], shape[1])
		}
		if p.Rank < 1 || len(p.A) != p.Rank*p.In || len(p.B) != p.Out*p.Rank {
			return fmt.Errorf("the adapter's matrices for %s have %d and %d values: want %d and %d for rank %d",
				name, len(p.A), len(p.B), p.Rank*p.In, p.Out*p.Rank, p.Rank)
		}
	}
	return nil
}
