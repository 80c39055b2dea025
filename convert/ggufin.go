package convert

import (
	"fmt"
	"slices"

	"trit/format/gguf"
	"trit/model"
	"trit/model/ggufmeta"
	"trit/tokenizer"
)

// ggufFile is a model in a GGUF file.
type ggufFile struct {
	file         *gguf.File
	architecture string
	config       *model.Config
	masters      ternaries // reads ternary weights of floating-point types
}

func openGGUF(path string, r Reading) (*Source, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	c, architecture, err := ggufmeta.ReadConfig(f)
	s := &Source{Path: path, Form: "GGUF, " + architecture, Config: &model.HFConfig{Config: c}, Card: cardOf(&f.Metadata)}
	g := &ggufFile{file: f, architecture: architecture, config: &s.Config.Config, masters: ternaries{weights: r.Weights}}
	s.store = g
	if err == nil {
		err = g.chooseWeights(s, r)
	}
	if err == nil {
		err = g.checkUnknown()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g.nameTokens(s)
	return s, nil
}

// chooseWeights says what floating-point projections are. Those of architecture llama are a
// model in full precision, unless a flag says otherwise; those of the BitNet architectures
// may be anything.
func (g *ggufFile) chooseWeights(s *Source, r Reading) error {
	q, _ := g.file.Tensor("blk.0.attn_q.weight")
	switch {
	case r.Scale != "":
		return fmt.Errorf("--scale is for packed Hugging Face folders; a GGUF file's scales are factors")
	case g.config.Ternary:
		if r.Weights != "" && r.Weights != WeightsTernary {
			return fmt.Errorf("%s is %s, a ternary type: --weights %s is for floating-point ones", q.Name, q.Type, r.Weights)
		}
	case r.Weights == WeightsMasters || r.Weights == WeightsTernary:
		s.Config.Ternary = true
	case r.Weights == "" && g.architecture != ggufmeta.Llama:
		return fmt.Errorf("architecture is %s, but %s is %s: --weights %s if these are latent weights, %s if they are quantised already, %s for a model in full precision", g.architecture, q.Name, q.Type, WeightsMasters, WeightsTernary, WeightsFull)
	}
	return nil
}

// checkUnknown refuses tensors that the model has no place for, as of a folder: a bias, or
// factors of the rotary embedding.
func (g *ggufFile) checkUnknown() error {
	known := map[string]bool{}
	for _, spec := range g.config.Tensors() {
		known[spec.GGUF] = true
		if t, _ := g.file.Tensor(spec.GGUF); t.Type.IsTernary() {
			known[ggufmeta.ScaleName(spec.GGUF)] = true
		}
	}
	var errs []error
	for _, t := range g.file.Tensors {
		if !known[t.Name] {
			errs = append(errs, fmt.Errorf("there is a tensor %s, which the model of the metadata has no place for", t.Name))
		}
	}
	return firstFew(errs)
}

// nameTokens enters the ids that a config.json holds.
func (g *ggufFile) nameTokens(s *Source) {
	v, _ := g.vocab()
	if v.BOS >= 0 {
		id := int(v.BOS)
		s.Config.BOSTokenID = &id
	}
	if v.EOS >= 0 {
		s.Config.EOSTokenID = model.EOSIDs{int(v.EOS)}
	}
}

func (g *ggufFile) name(spec model.TensorSpec) string { return spec.GGUF }

func (g *ggufFile) check(spec model.TensorSpec) error {
	t, ok := g.file.Tensor(spec.GGUF)
	if !ok {
		return fmt.Errorf("the tensor %s is missing", spec.GGUF)
	}
	if want := dims(spec.Shape); !slices.Equal(t.Dims, want) {
		return fmt.Errorf("%s has dims %v: the metadata wants %v", spec.GGUF, t.Dims, want)
	}
	if t.Type.IsTernary() && !spec.Ternary {
		return fmt.Errorf("%s is %s, a ternary type, which only the projections of a model with ternary weights have", spec.GGUF, t.Type)
	}
	if t.Type.IsTernary() && g.masters.weights == WeightsMasters {
		return fmt.Errorf("%s is %s, a ternary type: --weights %s is for models whose projections are all floating-point", spec.GGUF, t.Type, g.masters.weights)
	}
	if g.masters.weights == "" && t.Type.IsTernary() != spec.Ternary {
		return fmt.Errorf("%s is %s, but blk.0.attn_q.weight is not of that kind: the projections of a model are ternary or not; --weights %s takes floating-point ones for quantised already, %s for latent weights", spec.GGUF, t.Type, WeightsTernary, WeightsMasters)
	}
	return nil
}

// dims are a shape in GGUF's order, the row length first.
func dims(shape []int) []uint64 {
	d := make([]uint64, len(shape))
	for i, n := range shape {
		d[len(shape)-1-i] = uint64(n)
	}
	return d
}

func (g *ggufFile) open(spec model.TensorSpec) (*tensor, error) {
	info, _ := g.file.Tensor(spec.GGUF)
	rows, k := shape(spec)
	t, err := g.read(info, spec.Ternary, rows, k)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.GGUF, err)
	}
	if heads := ggufmeta.PermutedHeads(g.architecture, g.config, spec); heads > 0 {
		return t.reordered(halved(rows, heads)), nil
	}
	return t, nil
}

func (g *ggufFile) read(info gguf.TensorInfo, ternary bool, rows, k int) (*tensor, error) {
	if info.Type.IsTernary() {
		return packedGGUF(g.file, info, rows, k)
	}
	t, err := ggufTensor(g.file, info, rows, k)
	if err == nil && ternary {
		return g.masters.of(info.Name, t)
	}
	return t, err
}

// packedGGUF reads a weight of one of the ternary types.
func packedGGUF(f *gguf.File, info gguf.TensorInfo, rows, k int) (*tensor, error) {
	data, size := f.Data(info), info.Type.RowBytes(k)
	t := &tensor{dtype: info.Type.String(), rows: rows, k: k, release: func(at, n int) { f.Release(data[at*size:][:n*size]) }}
	var err error
	if t.scale, err = ggufmeta.Scale(f, info); err != nil {
		return nil, err
	}
	t.codes = func(dst []byte, row int) error { return gguf.DecodeTernary(info.Type, dst, data[row*size:][:size]) }
	return t, nil
}

// vocab reads the tokenizer and refuses one whose lists do not fit each other.
func (g *ggufFile) vocab() (tokenizer.Vocab, error) {
	v := ggufmeta.ReadVocab(&g.file.Metadata)
	if len(v.Tokens) == 0 {
		return v, nil
	}
	return v, v.Check()
}

func (g *ggufFile) Close() error { return g.file.Close() }
