package source

import (
	"errors"
	"fmt"
	"math"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/hffolder"
	"trit/internal/parallel"
	"trit/model"
	"trit/setting"
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
	meta, err := ggufmeta.ReadModel(f)
	m := &Model{
		Path: path, Form: "GGUF, " + meta.Architecture, Config: &model.HFConfig{Config: meta.Config},
		Card: cardOf(&f.Metadata), Warnings: meta.Warnings, pool: parallel.New(o.Threads),
	}
	g := &ggufFile{
		file: f, architecture: meta.Architecture, config: &m.Config.Config, floats: floats{weights: o.Weights}, pool: m.pool,
	}
	m.store = g
	g.config.TakeTrainedBasis()
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
// model in full precision, unless an option says otherwise, and those of hybrids always; those of
// the BitNet architectures may be anything.
func (g *ggufFile) chooseWeights(o Options) error {
	q, _ := g.file.Tensor("blk.0.attn_q.weight")
	switch {
	case g.config.IsHybrid() && o.namesTernary():
		return hasNoTernary(o.Weights, "architecture is "+g.architecture)
	case len(o.Set) > 0:
		return &setting.Error{Field: setField, Problem: fmt.Sprintf("{%s} is for the config.json of folders", setField)}
	case o.Scale != "":
		return &setting.Error{Field: scaleField,
			Problem: fmt.Sprintf("{%s} is for packed Hugging Face folders; a GGUF file's scales are factors", scaleField)}
	case g.config.Ternary:
		if o.Weights != "" && o.Weights != WeightsTernary {
			return setting.Needs(weightsField, fmt.Sprintf("%s is %s, a ternary type", q.Name, q.Type),
				fmt.Sprintf("{%s} %s is for floating-point ones", weightsField, o.Weights))
		}
	case g.config.Basis != nil:
		if o.Weights != "" && o.Weights != WeightsFull {
			return setting.Needs(weightsField, "the weights are in a rotated basis",
				fmt.Sprintf("{%s} %s is for weights as they were trained", weightsField, o.Weights))
		}
	case q.Type.IsGrouped() || q.Type.IsTernary():
		if o.Weights != "" && o.Weights != WeightsFull {
			return setting.Needs(weightsField, fmt.Sprintf("%s is %s, with a scale a group", q.Name, q.Type),
				fmt.Sprintf("{%s} %s is for weights with one scale", weightsField, o.Weights))
		}
	case o.Weights == WeightsMasters || o.Weights == WeightsTernary:
		g.config.Ternary = true
	case o.Weights == "" && !ggufmeta.Interleaved(g.architecture) && !g.config.IsHybrid():
		return setting.Needs(weightsField, fmt.Sprintf("architecture is %s, but %s is %s", g.architecture, q.Name, q.Type),
			kinds("if these are"))
	}
	return nil
}

// check reports the weights whose types are not those of the kind of model.
func (g *ggufFile) check() error {
	var errs []error
	for _, spec := range g.config.Tensors() {
		if err := g.checkType(spec); err != nil {
			errs = append(errs, err)
		}
	}
	return model.JoinFirst(errs)
}

func (g *ggufFile) name(spec model.TensorSpec) string { return spec.GGUF }

func (g *ggufFile) checkType(spec model.TensorSpec) error {
	t, _ := g.file.Tensor(spec.GGUF)
	ternary, weights := t.Type.IsTernary(), g.floats.weights
	if !g.config.Ternary && t.Type != gguf.I2_S {
		return nil // a TQ type has a scale a group
	}
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
	heads := ggufmeta.PermutedHeads(g.architecture, g.config, spec)
	switch {
	case heads > 0 && rows == 1: // of a bias
		return t.reorderedValues(ggufmeta.HalvedRow(columns, heads, g.config.RotaryDim())), nil
	case heads > 0:
		return t.reordered(ggufmeta.HalvedRow(rows, heads, g.config.RotaryDim())), nil
	}
	return t, nil
}

func (g *ggufFile) read(info gguf.TensorInfo, ternary bool, rows, columns int) (*Tensor, error) {
	if info.Type.IsTernary() && ternary {
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

func (g *ggufFile) sampling() (model.Sampling, error) {
	s, _ := ggufmeta.ReadSampling(&g.file.Metadata)
	return s, nil
}

func (g *ggufFile) pooling() hffolder.Pooling {
	v, _ := g.file.Metadata.Uint(g.architecture + ".pooling_type")
	return hffolder.Pooling(min(v, math.MaxUint32))
}

func (g *ggufFile) Close() error { return g.file.Close() }
