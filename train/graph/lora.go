package graph

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"trit/bitlinear"
	"trit/format/adapter"
	"trit/model"
)

// LoRA says which weights of a model get adapters, and what kind of them.
type LoRA struct {
	Rank           int
	Alpha          float64
	Dropout        float64 // share of the inputs of A that is set to zero while training
	RankStabilized bool    // rsLoRA: the scale is Alpha over the square root of the rank
	Placement      adapter.Placement
	Targets        []string // as PEFT names them; empty or AllLinear: all projections
}

// AllLinear is the target that stands for all projections.
const AllLinear = "all-linear"

// projections are the weights that can have adapters, by PEFT's names.
var projections = map[string]string{
	"q_proj": model.QProj, "k_proj": model.KProj, "v_proj": model.VProj, "o_proj": model.OProj,
	"gate_proj": model.GateProj, "up_proj": model.UpProj, "down_proj": model.DownProj,
}

// TargetNames are the names that LoRA.Targets may hold.
func TargetNames() []string {
	return []string{AllLinear, "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
}

// adapts reports whether a weight of a block gets an adapter.
func (l *LoRA) adapts(spec model.TensorSpec) bool {
	if spec.Layer < 0 || len(spec.Shape) != 2 {
		return false
	}
	all := len(l.Targets) == 0 || slices.Contains(l.Targets, AllLinear)
	for name, weight := range projections {
		if spec.Name == model.LayerTensor(spec.Layer, weight) {
			return all || slices.Contains(l.Targets, name)
		}
	}
	return false
}

// scale is what the products of the adapters are multiplied by.
func (l *LoRA) scale() float64 {
	a := adapter.Adapter{Alpha: l.Alpha, RankStabilized: l.RankStabilized}
	return a.Scale(l.Rank)
}

// mode is how the layers of a graph compute the adapters.
func (l *LoRA) mode() bitlinear.Adapters {
	return bitlinear.Adapters{Rank: l.Rank, Scale: float32(l.scale()), Inside: l.Placement == adapter.Inside,
		Dropout: float32(l.Dropout)}
}

// Check returns an error if the model cannot have such adapters.
func (l *LoRA) Check(c *model.Config) error {
	var errs []error
	for _, t := range l.Targets {
		if !slices.Contains(TargetNames(), t) {
			errs = append(errs, fmt.Errorf("lora_targets holds %q: want some of %s", t, strings.Join(TargetNames(), ", ")))
		}
	}
	if l.Placement != adapter.Beside && l.Placement != adapter.Inside {
		errs = append(errs, fmt.Errorf("lora_placement is %q: want %s or %s", l.Placement, adapter.Beside, adapter.Inside))
	}
	if c.IsGrouped() {
		errs = append(errs, fmt.Errorf("lora_rank is %d, but the model is rounded with %s: adapters lie on models with one "+
			"scale a tensor, or in full precision: convert it to a folder of type f16, which is one, and begin with that",
			l.Rank, c.ScaleWords()))
	}
	if l.Placement == adapter.Inside && !c.Ternary {
		errs = append(errs, fmt.Errorf("lora_placement is %s, but the model has no quantiser: set it to %s",
			adapter.Inside, adapter.Beside))
	}
	if c.DeadzoneBias != 0 {
		errs = append(errs, fmt.Errorf("deadzone_bias is %g and the run trains adapters: the weights beneath them are kept "+
			"as codes, which do not tell that bias: set lora_rank to 0", c.DeadzoneBias))
	}
	if l.Placement == adapter.Inside && l.Dropout > 0 {
		errs = append(errs, fmt.Errorf("lora_dropout is %g, but adapters inside the quantiser are part of the weights "+
			"and have no input of their own: set it to 0, or lora_placement to %s", l.Dropout, adapter.Beside))
	}
	return errors.Join(errs...)
}

// LoRATensors are the matrices of the adapters, as PEFT names them, in the order of the weights.
func LoRATensors(c *model.Config, l *LoRA) (specs []model.TensorSpec) {
	for _, spec := range c.Tensors() {
		if l.adapts(spec) {
			specs = append(specs,
				model.TensorSpec{Name: l.name(spec.Name, "A"), Shape: []int{l.Rank, spec.Shape[1]}, Layer: spec.Layer},
				model.TensorSpec{Name: l.name(spec.Name, "B"), Shape: []int{spec.Shape[0], l.Rank}, Layer: spec.Layer})
		}
	}
	return specs
}

// name is PEFT's name of a matrix of the adapter of a weight. One inside the quantiser has a name that
// PEFT does not know, so that nobody takes it for one beside the layer.
func (l *LoRA) name(weight, matrix string) string {
	kind := ".lora_"
	if l.Placement == adapter.Inside {
		kind = ".lora_inside_"
	}
	return "base_model.model." + strings.TrimSuffix(weight, ".weight") + kind + matrix + ".weight"
}

// NewAdapters makes the adapters of a Base as PEFT begins them: A uniform within 1/sqrt(in) of zero,
// from a seed, and B zero, so that the model computes what its base does. They are what training
// moves: Specs and Value give them, not the base.
func NewAdapters(b *Base, l LoRA, seed uint64) (*Params, error) {
	p, err := EmptyAdapters(b, l)
	if err != nil {
		return nil, err
	}
	for i, spec := range p.specs {
		if i%2 == 0 {
			r, v := rand.New(rand.NewPCG(seed, uint64(i))), p.Value(spec.Name)
			bound := 1 / math.Sqrt(float64(spec.Shape[1]))
			for j := range v {
				v[j] = float32((2*r.Float64() - 1) * bound)
			}
		}
	}
	return p, nil
}

// EmptyAdapters makes adapters of zeros, to be filled.
func EmptyAdapters(b *Base, l LoRA) (*Params, error) {
	if err := errors.Join(l.Check(&b.Config), b.check()); err != nil {
		return nil, err
	}
	p := &Params{Config: b.Config, specs: LoRATensors(&b.Config, &l), base: b, lora: l,
		tensors: map[string]*tensor.Dense{}}
	p.allocate()
	return p, nil
}

// Adapter is the adapters of the Params, over their memory; nil if the weights themselves are
// trained.
func (p *Params) Adapter() *adapter.Adapter {
	if p.base == nil {
		return nil
	}
	l := &p.lora
	a := &adapter.Adapter{Alpha: l.Alpha, RankStabilized: l.RankStabilized, Placement: l.Placement, Dropout: l.Dropout,
		Pairs: map[string]adapter.Pair{}}
	for _, spec := range p.Config.Tensors() {
		if l.adapts(spec) {
			a.Pairs[spec.Name] = adapter.Pair{Rank: l.Rank, In: spec.Shape[1], Out: spec.Shape[0],
				A: p.Value(l.name(spec.Name, "A")), B: p.Value(l.name(spec.Name, "B"))}
		}
	}
	return a
}
