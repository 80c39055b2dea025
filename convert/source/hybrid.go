package source

import (
	"fmt"
	"math"
	"strings"

	"trit/model"
	"trit/setting"
)

// Weights of hybrids are as GGUF files hold them, which llama.cpp's converter made so: value heads in tiled order,
// norms as what they multiply by, and the decay of a state as -exp(A_log). Folders hold value heads in grouped
// order, most norms as what is above 1, and A_log.

// fromFolder makes a weight of a folder one of a hybrid.
func (t *Tensor) fromFolder(c *model.Config, spec model.TensorSpec) *Tensor {
	t = t.moved(c, spec, c.DeltaNet.KeyHeads)
	switch {
	case aboveOne(spec):
		return t.mapped(func(w float64) float64 { return 1 + w })
	case strings.HasSuffix(spec.Name, model.ALog):
		return t.mapped(func(w float64) float64 { return -math.Exp(w) })
	}
	return t
}

// InFolder is the weight as a Hugging Face folder of the model holds it.
func (t *Tensor) InFolder(c *model.Config, spec model.TensorSpec) *Tensor {
	if !c.IsHybrid() {
		return t
	}
	t = t.moved(c, spec, c.DeltaNet.ValueHeads/c.DeltaNet.KeyHeads)
	switch {
	case aboveOne(spec):
		return t.mapped(func(w float64) float64 { return w - 1 })
	case strings.HasSuffix(spec.Name, model.ALog):
		return t.mapped(func(w float64) float64 { return math.Log(-w) })
	}
	return t
}

// aboveOne reports whether a folder of a hybrid holds a weight as what it is above 1: all norms but that behind
// a gated delta net.
func aboveOne(spec model.TensorSpec) bool {
	return strings.HasSuffix(spec.Name, "norm.weight") && !strings.HasSuffix(spec.Name, model.LinearNorm)
}

// moved is the tensor with its value heads transposed, see model.Heads.
func (t *Tensor) moved(c *model.Config, spec model.TensorSpec, outer int) *Tensor {
	heads, columns := c.ValueHeads(spec)
	if heads.N == 0 {
		return t
	}
	from := heads.Transposed(outer)
	if !columns {
		return t.reordered(from)
	}
	return t.reorderedValues(from)
}

// mapped is the tensor with a function of each value, rounded to float32.
func (t *Tensor) mapped(f func(w float64) float64) *Tensor {
	out := t.changed()
	out.DType += TurnedSuffix
	out.floats = func(dst []float32, row int) error {
		err := t.floats(dst, row)
		for i, w := range dst {
			dst[i] = float32(f(float64(w)))
		}
		return err
	}
	return out
}

// namesTernary reports whether the options take weights for ternary ones with one scale.
func (o *Options) namesTernary() bool { return o.Weights != "" && o.Weights != WeightsFull }

// hasNoTernary refuses such options for hybrids. kind says what the model is.
func hasNoTernary(w Weights, kind string) error {
	return setting.Needs(weightsField, kind+", which has no ternary weights with one scale",
		fmt.Sprintf("{%s} %s is for models that have", weightsField, w))
}
