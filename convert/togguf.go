package convert

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"trit/format/gguf"
	"trit/internal/float16"
	"trit/model"
	"trit/model/ggufmeta"
)

// ggufWriter is one conversion to a GGUF file.
type ggufWriter struct {
	conversion
	architecture  string
	exactScales   bool
	weightType    gguf.Type
	embeddingType gguf.Type
}

// Types that projections, and embedding and head, can have.
var (
	ternaryTypes   = []gguf.Type{gguf.I2_S, gguf.TQ1_0, gguf.TQ2_0}
	fullTypes      = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0}
	embeddingTypes = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q6_K, gguf.Q4_0}
)

// chooseTypes takes the types that were asked for, or the usual ones.
func (g *ggufWriter) chooseTypes(o Options) error {
	ternary := g.source.Config.Ternary
	weight, embedding := o.Type, o.EmbeddingType
	if weight == "" {
		if weight = "f32"; ternary {
			weight = "i2_s"
		}
	}
	if embedding == "" {
		if embedding = weight; ternary {
			embedding = "f16"
		}
	}
	types, kind := fullTypes, "in full precision"
	if ternary {
		types, kind = ternaryTypes, "with ternary weights"
	}
	var errWeight, errEmbedding error
	g.weightType, errWeight = oneOf(weight, types, "--type for a model "+kind)
	g.embeddingType, errEmbedding = oneOf(embedding, embeddingTypes, "--embedding-type")
	return errors.Join(errWeight, errEmbedding)
}

func oneOf(name string, types []gguf.Type, what string) (gguf.Type, error) {
	for _, t := range types {
		if strings.EqualFold(t.String(), name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%s is %q: want one of %v", what, name, types)
}

// write writes the file to path, whole or not at all; check looks at it before it is there.
func (g *ggufWriter) write(path string, check func(written string) error) error {
	meta := &gguf.Metadata{}
	if err := g.metadata(meta); err != nil {
		return err
	}
	sources, err := g.sources()
	if err != nil {
		return err
	}
	return g.run(func() error { return gguf.WriteFileChecked(path, meta, sources, check) })
}

// sources are the tensors to write, in the order of the model.
func (g *ggufWriter) sources() ([]gguf.Source, error) {
	var out []gguf.Source
	var errs []error
	for _, spec := range g.source.Config.Tensors() {
		s := gguf.Source{Name: spec.GGUF, Type: g.typeOf(spec), Dims: dims(spec.Shape)}
		size, err := s.Type.Size(s.Dims)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w%s", spec.Name, err, g.padHint(spec)))
			continue
		}
		g.report.total += int64(size)
		s.Write = g.add(spec, func() (*output, error) { return g.tensor(spec, s.Type) })
		out = append(out, s)
		if g.keepsFactor(spec) {
			out = append(out, gguf.Source{Name: ggufmeta.ScaleName(spec.GGUF), Type: gguf.F32, Dims: []uint64{1}, Write: g.add(spec, func() (*output, error) { return g.factor(spec) })})
		}
	}
	g.report.Tensors = len(out)
	return out, firstFew(errs)
}

// padHint is the way out for a feed-forward size that a type cannot hold.
func (g *ggufWriter) padHint(spec model.TensorSpec) string {
	if spec.Layer < 0 || spec.Name != model.LayerTensor(spec.Layer, model.DownProj) {
		return ""
	}
	return "; --pad fills the feed-forward size up with units without weights"
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

// keepsFactor tells whether the rest of a scale gets a tensor of its own.
func (g *ggufWriter) keepsFactor(spec model.TensorSpec) bool {
	return spec.Ternary && g.weightType != gguf.I2_S && (g.exactScales || g.architecture == ggufmeta.BitNet)
}

func (g *ggufWriter) factor(spec model.TensorSpec) (*output, error) {
	t, err := g.source.store.open(spec)
	if err != nil {
		return nil, err
	}
	_, factor := ggufmeta.SplitScale(t.scale)
	return small(gguf.F32, factor)
}

// tensor is a weight as it will stand in the file.
func (g *ggufWriter) tensor(spec model.TensorSpec, typ gguf.Type) (*output, error) {
	t, err := g.source.store.open(spec)
	if err != nil {
		return nil, err
	}
	if heads := ggufmeta.PermutedHeads(g.architecture, &g.source.Config.Config, spec); heads > 0 {
		t = t.reordered(alternating(t.rows, heads))
	}
	e := &encoder{t: t, typ: typ, scale: float16.Bits(t.scale)}
	if g.keepsFactor(spec) {
		e.scale, _ = ggufmeta.SplitScale(t.scale)
	}
	if v := float16.FromBits(e.scale); typ.IsTernary() && typ != gguf.I2_S && (v == 0 || math.IsInf(float64(v), 0)) {
		return nil, fmt.Errorf("the scale %g is out of the range of half precision, which %s holds it in: --type i2_s", t.scale, typ)
	}
	out := g.encoded(e)
	if typ == gguf.I2_S { // the scale, and zeros up to 32 bytes
		behind, err := small(gguf.F32, t.scale, 0, 0, 0, 0, 0, 0, 0)
		if err != nil {
			return nil, err
		}
		out.tail = behind.tail
	}
	return out, nil
}

// metadata describes the model and carries its card and its tokenizer.
func (g *ggufWriter) metadata(m *gguf.Metadata) error {
	c := g.source.Config
	ggufmeta.WriteConfig(m, g.architecture, &c.Config)
	g.source.Card.write(m)
	if f, ok := g.source.folder(); ok {
		if kind, ok := pooling(f.model.Dir); ok {
			m.Set(g.architecture+".pooling_type", kind)
		}
	}
	m.Set("general.file_type", fileTypes[g.weightType])
	m.Set("general.quantization_version", uint32(2))
	m.Set("general.size_label", sizeLabel(c.Parameters()))
	v, err := g.source.store.vocab()
	if err != nil {
		return err
	}
	if len(v.Tokens) == 0 {
		return nil
	}
	if len(v.Tokens) > c.VocabSize {
		return fmt.Errorf("the tokenizer has %d tokens, but config.json has vocab_size %d: they belong to different models", len(v.Tokens), c.VocabSize)
	}
	v.Tokens, v.Types, v.Scores = slices.Clone(v.Tokens), slices.Clone(v.Types), slices.Clone(v.Scores)
	if len(v.Types) == 0 { // all are normal
		v.Types = slices.Repeat([]int32{1}, len(v.Tokens))
	}
	for id := len(v.Tokens); id < c.VocabSize; id++ { // rows of the embedding without a token
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
	ggufmeta.WriteVocab(m, v)
	return nil
}

// fileTypes are general.file_type by the type of the projections.
var fileTypes = map[gguf.Type]uint32{gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7, gguf.BF16: 32, gguf.TQ1_0: 36, gguf.TQ2_0: 37, gguf.I2_S: 40}

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
