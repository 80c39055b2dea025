package source

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"trit/format/gguf"
	"trit/format/hffolder"
	"trit/internal/parallel"
	"trit/model"
	"trit/model/ggufmeta"
	"trit/setting"
	"trit/tokenizer"
)

// ggufFile is a model in a GGUF file.
type ggufFile struct {
	file         *gguf.File
	architecture string
	config       *model.Config
	floats       floats // reads ternary weights of floating-point types
	pool         *parallel.Pool
}

func openGGUF(path string, o Options) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	c, architecture, err := ggufmeta.ReadConfig(f)
	m := &Model{
		Path: path, Form: "GGUF, " + architecture, Config: &model.HFConfig{Config: c}, Card: cardOf(&f.Metadata),
		pool: parallel.New(o.Threads),
	}
	g := &ggufFile{
		file: f, architecture: architecture, config: &m.Config.Config, floats: floats{weights: o.Weights}, pool: m.pool,
	}
	m.store = g
	if err == nil {
		err = g.chooseWeights(o)
	}
	if err == nil {
		err = g.check()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	g.nameTokens(m)
	return m, nil
}

// chooseWeights says what floating-point projections are. Those of architecture llama are a
// model in full precision, unless an option says otherwise; those of the BitNet architectures
// may be anything.
func (g *ggufFile) chooseWeights(o Options) error {
	q, _ := g.file.Tensor("blk.0.attn_q.weight")
	switch {
	case o.Scale != "":
		return &setting.Error{Field: scaleField,
			Problem: fmt.Sprintf("{%s} is for packed Hugging Face folders; a GGUF file's scales are factors", scaleField)}
	case g.config.Ternary:
		if o.Weights != "" && o.Weights != WeightsTernary {
			return setting.Needs(weightsField, fmt.Sprintf("%s is %s, a ternary type", q.Name, q.Type),
				fmt.Sprintf("{%s} %s is for floating-point ones", weightsField, o.Weights))
		}
	case o.Weights == WeightsMasters || o.Weights == WeightsTernary:
		g.config.Ternary = true
	case o.Weights == "" && g.architecture != ggufmeta.Llama:
		return setting.Needs(weightsField, fmt.Sprintf("architecture is %s, but %s is %s", g.architecture, q.Name, q.Type),
			kinds("if these are"))
	}
	return nil
}

// check reports the tensors that are missing, have other dims than the metadata want, or have
// no place in the model, such as a bias. It reads no weight.
func (g *ggufFile) check() error {
	specs := g.config.Tensors()
	places := map[string]bool{}
	for _, spec := range specs {
		places[spec.GGUF] = true
		if t, _ := g.file.Tensor(spec.GGUF); t.Type.IsTernary() {
			places[ggufmeta.ScaleName(spec.GGUF)] = true
		}
	}
	hasPlace := func(name string) bool { return places[name] || ggufmeta.IsRotaryTensor(name) }
	errs := model.Unplaced(g.names(), hasPlace, "the metadata")
	for _, spec := range specs {
		if err := g.checkTensor(spec); err != nil {
			errs = append(errs, err)
		}
	}
	return model.JoinFirst(errs)
}

// names are those of all tensors.
func (g *ggufFile) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, t := range g.file.Tensors {
			if !yield(t.Name) {
				return
			}
		}
	}
}

// nameTokens enters the ids that a config.json holds.
func (g *ggufFile) nameTokens(m *Model) {
	v, _ := g.vocab()
	if v.BOS >= 0 {
		id := int(v.BOS)
		m.Config.BOSTokenID = &id
	}
	if v.EOS >= 0 {
		m.Config.EOSTokenID = model.EOSIDs{int(v.EOS)}
	}
}

func (g *ggufFile) name(spec model.TensorSpec) string { return spec.GGUF }

func (g *ggufFile) checkTensor(spec model.TensorSpec) error {
	t, ok := g.file.Tensor(spec.GGUF)
	if !ok {
		return fmt.Errorf("the tensor %s is missing", spec.GGUF)
	}
	if want := gguf.Dims(spec.Shape); !slices.Equal(t.Dims, want) {
		return fmt.Errorf("%s has dims %v: the metadata wants %v", spec.GGUF, t.Dims, want)
	}
	ternary, weights := t.Type.IsTernary(), g.floats.weights
	switch {
	case ternary && !spec.Ternary:
		return fmt.Errorf("%s is %s, a ternary type, which only the projections of a model with ternary weights have",
			spec.GGUF, t.Type)
	case ternary && weights == WeightsMasters:
		return setting.Needs(weightsField, fmt.Sprintf("%s is %s, a ternary type", spec.GGUF, t.Type),
			fmt.Sprintf("{%s} %s is for models whose projections are all floating-point", weightsField, weights))
	case weights == "" && ternary != spec.Ternary:
		return setting.Needs(weightsField,
			fmt.Sprintf("%s is %s, but blk.0.attn_q.weight is not of that kind", spec.GGUF, t.Type),
			fmt.Sprintf("the projections of a model are ternary or not; {%s} %s takes floating-point ones for quantised "+
				"already, %s for master weights", weightsField, WeightsTernary, WeightsMasters))
	}
	return nil
}

func (g *ggufFile) open(spec model.TensorSpec) (*Tensor, error) {
	info, _ := g.file.Tensor(spec.GGUF)
	rows, columns := matrix(spec)
	t, err := g.read(info, spec.Ternary, rows, columns)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.GGUF, err)
	}
	if heads := ggufmeta.PermutedHeads(g.architecture, g.config, spec); heads > 0 {
		return t.reordered(halved(rows, heads, g.config.RotaryDim())), nil
	}
	return t, nil
}

func (g *ggufFile) read(info gguf.TensorInfo, ternary bool, rows, columns int) (*Tensor, error) {
	if info.Type.IsTernary() {
		return ternaryGGUF(g.file, info, rows, columns, g.pool)
	}
	t, err := ggufTensor(g.file, info, rows, columns, g.pool)
	if err == nil && ternary {
		return g.floats.ternary(info.Name, t)
	}
	return t, err
}

// ternaryGGUF reads a weight of one of the ternary types.
func ternaryGGUF(f *gguf.File, info gguf.TensorInfo, rows, columns int, pool *parallel.Pool) (*Tensor, error) {
	t, row := stored{f.Data(info), info.Type.RowBytes(columns), info.Type.String(), f.Release}.tensor(rows, columns, pool)
	var err error
	t.Scale, err = ggufmeta.Scale(f, info)
	t.codes = func(dst []byte, i int) error { return gguf.DecodeTernary(info.Type, dst, row(i)) }
	return t, err
}

func (g *ggufFile) hasMasters() bool { return g.floats.weights == WeightsMasters }

// vocab reads the tokenizer and refuses one whose lists do not fit each other.
func (g *ggufFile) vocab() (tokenizer.Vocab, error) {
	v := ggufmeta.ReadVocab(&g.file.Metadata)
	if len(v.Tokens) == 0 {
		return v, nil
	}
	return v, v.Check()
}

// files are those of the tokenizer, as its lists in the file make them.
func (g *ggufFile) files() (map[string][]byte, error) {
	v, err := g.vocab()
	if err != nil || len(v.Tokens) == 0 {
		return nil, err
	}
	tok, err := tokenizer.FromVocab(v)
	if err != nil {
		return nil, err
	}
	return tok.Files()
}

func (g *ggufFile) pooling() hffolder.Pooling { return hffolder.PoolingNone }

func (g *ggufFile) Close() error { return g.file.Close() }
