package convert

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/packing"
	"trit/internal/atomicfile"
	"trit/internal/float16"
	"trit/model"
	"trit/setting"
)

// ggufWriter writes a model as a GGUF file.
type ggufWriter struct {
	out     string
	options Options

	model         *source.Model
	architecture  string
	weightType    gguf.Type
	embeddingType gguf.Type
	meta          gguf.Metadata
	tensors       []gguf.TensorInfo
	planned       *plan

	file *atomicfile.File // nil before begin
	*gguf.Writer
}

// embeddingTypes are the types of embedding and head; those of projections are packing.TypesFor, and
// packing.Grouped of a model in full precision.
var embeddingTypes = append([]gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q6_K, gguf.Q4_0}, packing.Grouped...)

func (g *ggufWriter) plan(m *source.Model) (*plan, error) {
	if g.options.Unrotate || g.options.Rotate != 0 {
		m = m.Unrotated()
	}
	m = m.Folded()
	g.model, g.architecture = m, ggufmeta.Architecture(&m.Config.Config)
	if err := g.chooseTypes(); err != nil {
		return nil, err
	}
	if err := g.reshape(); err != nil {
		return nil, err
	}
	if err := g.describe(); err != nil {
		return nil, err
	}
	g.planned = &plan{model: g.model, architecture: g.architecture}
	err := g.planTensors()
	if err == nil && g.options.Announce != nil {
		g.options.Announce(packing.Readers(&g.model.Config.Config, g.weightType))
	}
	return g.planned, err
}

// reshape pads and rotates the model as the options say.
func (g *ggufWriter) reshape() (err error) {
	if g.options.Pad {
		m := g.model.Padded(g.weightType.Block())
		if m != g.model && (m.Config.Basis != nil || m.Config.HadamardBlock != 0) {
			return setting.Needs(padField, "the weights are in a rotated basis, which zeros at the ends of rows would end",
				fmt.Sprintf("{%s} turns them back", unrotateField))
		}
		g.model = m
	}
	if g.options.Rotate != 0 {
		if g.model, err = g.model.Rotated(g.options.Rotate); err != nil {
			return &setting.Error{Field: rotateField, Problem: fmt.Sprintf("{%s} %d", rotateField, g.options.Rotate), Err: err}
		}
	}
	return nil
}

func (g *ggufWriter) begin() (err error) {
	if g.file, err = atomicfile.Create(g.out); err == nil {
		g.Writer, err = gguf.NewWriter(g.file, &g.meta, g.tensors)
	}
	return err
}

func (g *ggufWriter) endTensor() error { return g.EndTensor() }

func (g *ggufWriter) finish() error {
	if err := g.Close(); err != nil {
		return err
	}
	return g.file.Finish()
}

func (g *ggufWriter) name() string { return g.file.Name() }

func (g *ggufWriter) commit() error { return g.file.Commit() }

func (g *ggufWriter) discard() {
	if g.file != nil {
		g.file.Discard()
	}
}

// chooseTypes sets the types of the options, or the defaults.
func (g *ggufWriter) chooseTypes() error {
	types, kind, err := g.types()
	weight, embedding := g.options.Type, g.options.EmbeddingType
	switch {
	case weight == "" && err != nil:
		return err
	case weight == "":
		weight = Type(strings.ToLower(types[0].String()))
	}
	if embedding == "" {
		if embedding = weight; g.keepsEmbedding() {
			embedding = F16
		}
	}
	var errWeight, errEmbedding error
	g.weightType, errWeight = weight.among(types, typeField, " for a model "+kind)
	g.embeddingType, errEmbedding = embedding.among(embeddingTypes, embeddingField, "")
	return errors.Join(errWeight, errEmbedding)
}

// types are the types for the projections of the model, the usual one first, and what it is in words. It is
// an error if there is no usual one.
func (g *ggufWriter) types() (types []gguf.Type, kind string, err error) {
	c := &g.model.Config.Config
	switch trained := g.model.Trained; {
	case trained != nil:
		types = append(packing.Preferred(trained), gguf.F16, gguf.F32)
		return types, "trained with " + trained.ScaleWords(), packing.Check(trained)
	case c.Ternary:
		return packing.TypesFor(c), "with ternary weights", nil
	}
	return slices.Concat(packing.TypesFor(c), packing.Grouped), "in full precision", nil
}

// keepsEmbedding reports whether embedding and head are not rounded as the projections are.
func (g *ggufWriter) keepsEmbedding() bool {
	if trained := g.model.Trained; trained != nil {
		return !trained.TernaryEmbedding
	}
	return g.model.Config.Ternary
}

// planTensors lists the tensors in the order of the model.
func (g *ggufWriter) planTensors() error {
	if err := packing.CheckType(&g.model.Config.Config, g.weightType); err != nil {
		return err
	}
	var errs []error
	for _, spec := range g.model.Config.Tensors() {
		typ := g.typeOf(spec)
		if _, err := typ.Size(gguf.Dims(spec.Shape)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", spec.Name, err))
			continue
		}
		g.add(spec, spec.GGUF, typ, spec.Shape, func() (*output, error) { return g.weight(spec, typ) })
		if g.keepsFactor(spec) {
			g.add(spec, ggufmeta.ScaleName(spec.GGUF), gguf.F32, []int{1}, func() (*output, error) { return g.factor(spec) })
		}
	}
	for _, factors := range ggufmeta.RotaryTensors(&g.model.Config.Config) {
		g.addFactors(factors)
	}
	return model.JoinFirst(errs)
}

// addFactors plans a tensor of rotary embedding, which is made of config.json.
func (g *ggufWriter) addFactors(r ggufmeta.RotaryTensor) {
	g.tensors = append(g.tensors, gguf.TensorInfo{Name: r.Name, Type: gguf.F32, Dims: gguf.Dims([]int{len(r.Values)})})
	g.planned.tensors = append(g.planned.tensors, tensor{
		name: r.Name, from: "rope_scaling", bytes: int64(4 * len(r.Values)),
		open: func() (*output, error) { return small(gguf.F32, r.Values...) },
	})
}

// add plans a tensor that is made of a weight.
func (g *ggufWriter) add(spec model.TensorSpec, name string, typ gguf.Type, shape []int, open func() (*output, error)) {
	info := gguf.TensorInfo{Name: name, Type: typ, Dims: gguf.Dims(shape)}
	size, _ := typ.Size(info.Dims) // planTensors has looked
	g.tensors = append(g.tensors, info)
	g.planned.tensors = append(g.planned.tensors,
		tensor{name: name, from: g.model.Name(spec), bytes: int64(size), open: open})
}

func (g *ggufWriter) typeOf(spec model.TensorSpec) gguf.Type {
	switch {
	case len(spec.Shape) == 1, model.IsConvolution(spec):
		return gguf.F32
	case spec.Layer < 0:
		return g.embeddingType
	}
	return g.weightType
}

// keepsFactor reports whether the factor by which a scale differs from its half-precision value
// gets a tensor of its own (see ggufmeta.SplitScale).
func (g *ggufWriter) keepsFactor(spec model.TensorSpec) bool {
	return spec.Ternary && g.weightType != gguf.I2_S && (g.options.ExactScales || g.architecture == ggufmeta.BitNet ||
		g.model.Config.Int4Activations)
}

func (g *ggufWriter) factor(spec model.TensorSpec) (*output, error) {
	t, err := g.model.Tensor(spec)
	if err != nil {
		return nil, err
	}
	_, factor := ggufmeta.SplitScale(t.Scale)
	return small(gguf.F32, factor)
}

// weight is a weight as the file will hold it.
func (g *ggufWriter) weight(spec model.TensorSpec, typ gguf.Type) (*output, error) {
	t, err := g.model.Tensor(spec)
	if err != nil {
		return nil, err
	}
	if heads := ggufmeta.PermutedHeads(g.architecture, &g.model.Config.Config, spec); heads > 0 {
		t = t.Alternating(heads, g.model.Config.RotaryDim())
	}
	e := &encoder{t: t, typ: typ, scale: float16.Bits(t.Scale)}
	if g.keepsFactor(spec) {
		e.scale, _ = ggufmeta.SplitScale(t.Scale)
	}
	if v := float16.FromBits(e.scale); e.isBitNet() && typ != gguf.I2_S && (v == 0 || math.IsInf(float64(v), 0)) {
		return nil, setting.Needs(typeField,
			fmt.Sprintf("%s holds scales in half precision, and the scale %g is out of its range", typ, t.Scale),
			fmt.Sprintf("{%s} %s", typeField, I2S))
	}
	out := g.planned.encoded(e)
	if typ == gguf.I2_S { // the tail is the scale, and zeros up to 32 bytes
		scale, err := small(gguf.F32, t.Scale, 0, 0, 0, 0, 0, 0, 0)
		if err != nil {
			return nil, err
		}
		out.tail = scale.tail
	}
	return out, nil
}
