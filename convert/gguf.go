package convert

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/hffolder"
	"trit/internal/atomicfile"
	"trit/internal/float16"
	"trit/model"
	"trit/model/ggufmeta"
	"trit/setting"
	"trit/tokenizer"
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

// Types that projections, and embedding and head, can have.
var (
	ternaryTypes   = []gguf.Type{gguf.I2_S, gguf.TQ1_0, gguf.TQ2_0}
	fullTypes      = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0}
	embeddingTypes = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q6_K, gguf.Q4_0}
)

func (g *ggufWriter) plan(m *source.Model) (*plan, error) {
	g.model, g.architecture = m, ggufmeta.Architecture(&m.Config.Config)
	if err := g.chooseTypes(); err != nil {
		return nil, err
	}
	if g.options.Pad {
		g.model = m.Padded(g.weightType.Block())
	}
	if err := g.describe(); err != nil {
		return nil, err
	}
	g.planned = &plan{model: g.model, architecture: g.architecture}
	return g.planned, g.planTensors()
}

// chooseTypes takes the types that were asked for, or the usual ones.
func (g *ggufWriter) chooseTypes() error {
	ternary := g.model.Config.Ternary
	weight, embedding := g.options.Type, g.options.EmbeddingType
	if weight == "" {
		if weight = F32; ternary {
			weight = I2S
		}
	}
	if embedding == "" {
		if embedding = weight; ternary {
			embedding = F16
		}
	}
	types, kind := fullTypes, "in full precision"
	if ternary {
		types, kind = ternaryTypes, "with ternary weights"
	}
	var errWeight, errEmbedding error
	g.weightType, errWeight = weight.among(types, typeField, " for a model "+kind)
	g.embeddingType, errEmbedding = embedding.among(embeddingTypes, embeddingField, "")
	return errors.Join(errWeight, errEmbedding)
}

// planTensors lists the tensors in the order of the model.
func (g *ggufWriter) planTensors() error {
	var errs []error
	for _, spec := range g.model.Config.Tensors() {
		typ := g.typeOf(spec)
		if _, err := typ.Size(gguf.Dims(spec.Shape)); err != nil {
			errs = append(errs, g.cannotHold(spec, err))
			continue
		}
		g.add(spec, spec.GGUF, typ, spec.Shape, func() (*output, error) { return g.weight(spec, typ) })
		if g.keepsFactor(spec) {
			g.add(spec, ggufmeta.ScaleName(spec.GGUF), gguf.F32, []int{1}, func() (*output, error) { return g.factor(spec) })
		}
	}
	return model.JoinFirst(errs)
}

// add plans a tensor that is made of a weight.
func (g *ggufWriter) add(spec model.TensorSpec, name string, typ gguf.Type, shape []int, open func() (*output, error)) {
	info := gguf.TensorInfo{Name: name, Type: typ, Dims: gguf.Dims(shape)}
	size, _ := typ.Size(info.Dims) // planTensors has looked
	g.tensors = append(g.tensors, info)
	g.planned.tensors = append(g.planned.tensors,
		tensor{name: name, from: g.model.Name(spec), bytes: int64(size), open: open})
}

// cannotHold adds the way out for a feed-forward size that a type cannot hold.
func (g *ggufWriter) cannotHold(spec model.TensorSpec, err error) error {
	if spec.Layer >= 0 && spec.Name == model.LayerTensor(spec.Layer, model.DownProj) {
		return setting.Needs(padField, fmt.Sprintf("%s: %v; {%s} fills the feed-forward size up with units without weights",
			spec.Name, err, padField), "")
	}
	return fmt.Errorf("%s: %w", spec.Name, err)
}

func (g *ggufWriter) typeOf(spec model.TensorSpec) gguf.Type {
	switch {
	case len(spec.Shape) == 1:
		return gguf.F32
	case spec.Layer < 0:
		return g.embeddingType
	}
	return g.weightType
}

// keepsFactor reports whether the remainder of a scale gets a tensor of its own.
func (g *ggufWriter) keepsFactor(spec model.TensorSpec) bool {
	return spec.Ternary && g.weightType != gguf.I2_S && (g.options.ExactScales || g.architecture == ggufmeta.BitNet)
}

func (g *ggufWriter) factor(spec model.TensorSpec) (*output, error) {
	t, err := g.model.Tensor(spec)
	if err != nil {
		return nil, err
	}
	_, factor := ggufmeta.SplitScale(t.Scale)
	return small(gguf.F32, factor)
}

// weight is a weight as it will stand in the file.
func (g *ggufWriter) weight(spec model.TensorSpec, typ gguf.Type) (*output, error) {
	t, err := g.model.Tensor(spec)
	if err != nil {
		return nil, err
	}
	if heads := ggufmeta.PermutedHeads(g.architecture, &g.model.Config.Config, spec); heads > 0 {
		t = t.Alternating(heads)
	}
	e := &encoder{t: t, typ: typ, scale: float16.Bits(t.Scale)}
	if g.keepsFactor(spec) {
		e.scale, _ = ggufmeta.SplitScale(t.Scale)
	}
	if v := float16.FromBits(e.scale); typ.IsTernary() && typ != gguf.I2_S && (v == 0 || math.IsInf(float64(v), 0)) {
		return nil, setting.Needs(typeField,
			fmt.Sprintf("the scale %g is out of the range of half precision, which %s holds it in", t.Scale, typ),
			fmt.Sprintf("{%s} %s", typeField, I2S))
	}
	out := g.planned.encoded(e)
	if typ == gguf.I2_S { // the scale, and zeros up to 32 bytes
		behind, err := small(gguf.F32, t.Scale, 0, 0, 0, 0, 0, 0, 0)
		if err != nil {
			return nil, err
		}
		out.tail = behind.tail
	}
	return out, nil
}

// describe fills in the metadata: what the model is, its card and its tokenizer.
func (g *ggufWriter) describe() error {
	c, m := g.model.Config, &g.meta
	ggufmeta.WriteConfig(m, g.architecture, &c.Config)
	g.model.Card.WriteGGUF(m)
	if pooling := g.model.Pooling(); pooling != hffolder.PoolingNone {
		m.Set(g.architecture+".pooling_type", uint32(pooling))
	}
	m.Set("general.file_type", fileTypes[g.weightType])
	m.Set("general.quantization_version", uint32(2))
	m.Set("general.size_label", sizeLabel(c.Parameters()))
	v, err := g.model.Vocab()
	if err != nil || len(v.Tokens) == 0 {
		return err
	}
	if len(v.Tokens) > c.VocabSize {
		return fmt.Errorf("the tokenizer has %d tokens, but config.json has vocab_size %d: they belong to different models",
			len(v.Tokens), c.VocabSize)
	}
	ggufmeta.WriteVocab(m, filledUp(v, c))
	return nil
}

// filledUp is a tokenizer with a token for every row of the embedding, and the ids that
// config.json has.
func filledUp(v tokenizer.Vocab, c *model.HFConfig) tokenizer.Vocab {
	v.Tokens, v.Types, v.Scores = slices.Clone(v.Tokens), slices.Clone(v.Types), slices.Clone(v.Scores)
	if len(v.Types) == 0 { // all are normal
		v.Types = slices.Repeat([]int32{1}, len(v.Tokens))
	}
	for id := len(v.Tokens); id < c.VocabSize; id++ {
		v.Tokens, v.Types = append(v.Tokens, fmt.Sprintf("<unused_%d>", id)), append(v.Types, 5)
		if v.Scores != nil {
			v.Scores = append(v.Scores, 0)
		}
	}
	if v.BOS < 0 && c.BOSTokenID != nil {
		v.BOS = int32(*c.BOSTokenID)
	}
	if v.EOS < 0 && len(c.EOSTokenID) > 0 {
		v.EOS = int32(c.EOSTokenID[0])
	}
	return v
}

// fileTypes are general.file_type by the type of the projections.
var fileTypes = map[gguf.Type]uint32{
	gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7, gguf.BF16: 32, gguf.TQ1_0: 36, gguf.TQ2_0: 37, gguf.I2_S: 40,
}

// sizeLabel is a count of parameters as GGUF's naming has it, such as 2.4B.
func sizeLabel(n int) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0fK", float64(n)/1e3)
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
