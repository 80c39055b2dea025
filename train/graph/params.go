// Package graph is the decoder of a BitNet language model as one Gorgonia graph of
// fused operations that own their buffers.
package graph

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"trit/bitlinear/kernel/memory"
	"trit/model"
)

// initStd is the standard deviation of fresh weights.
const initStd = 0.02

// Params are what training moves: the weights of a model, or the adapters of a Base. Graphs share
// them: all see an update in place.
type Params struct {
	Config  model.Config
	specs   []model.TensorSpec
	tensors map[string]*tensor.Dense
	base    *Base // beneath the adapters; nil without
	lora    LoRA  // of the adapters
}

// NewParams makes weights from a seed: norms are 1, matrices normal with standard
// deviation 0.02, those that write to the residual stream divided by sqrt(2 layers).
func NewParams(c model.Config, seed uint64) *Params {
	p := EmptyParams(c)
	for i, spec := range p.specs {
		r, v := rand.New(rand.NewPCG(seed, uint64(i))), p.Value(spec.Name)
		std := initStd
		if spec.Layer >= 0 && (spec.Name == model.LayerTensor(spec.Layer, model.OProj) ||
			spec.Name == model.LayerTensor(spec.Layer, model.DownProj)) {
			std /= math.Sqrt(2 * float64(c.NumHiddenLayers))
		}
		for j := range v {
			if len(spec.Shape) == 1 {
				v[j] = 1
			} else {
				v[j] = float32(r.NormFloat64() * std)
			}
		}
	}
	return p
}

// EmptyParams makes weights of zeros, to be filled from a checkpoint.
func EmptyParams(c model.Config) *Params {
	p := &Params{Config: c, specs: c.Tensors(), tensors: map[string]*tensor.Dense{}}
	p.allocate()
	return p
}

// allocate makes the memory of all Specs.
func (p *Params) allocate() {
	slab := p.slab()
	for _, spec := range p.specs {
		p.tensors[spec.Name] = tensor.New(tensor.WithBacking(slab.Take(spec.Elements())), tensor.WithShape(spec.Shape...))
	}
}

// slab is memory for all Specs.
func (p *Params) slab() *memory.Slab[float32] {
	n := 0
	for _, spec := range p.specs {
		n += spec.Elements()
	}
	return memory.NewSlab[float32](n)
}

// Base is the weights beneath the adapters, nil if the weights themselves are trained.
func (p *Params) Base() *Base { return p.base }

// Specs lists what training moves, in its order.
func (p *Params) Specs() []model.TensorSpec { return p.specs }

// Value returns the memory of a weight, row-major, to be read and updated in place.
func (p *Params) Value(name string) []float32 {
	t, ok := p.tensors[name]
	if !ok {
		panic(fmt.Sprintf("graph: the model has no weight %s", name))
	}
	return t.Data().([]float32)
}
