package convert

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"trit/model"
	"trit/tokenizer"
	"trit/train/checkpoint"
)

// folder is a model in a Hugging Face folder.
type folder struct {
	model   *checkpoint.Loaded
	family  *model.Family
	storage model.Storage
	masters ternaries // reads ternary weights that are not packed
}

// openFolder opens a Hugging Face folder, or the newest checkpoint of a run.
func openFolder(path string, r Reading) (*Source, error) {
	m, err := checkpoint.LoadModel(path)
	if err != nil {
		return nil, err
	}
	f := &folder{model: m, masters: ternaries{weights: r.Weights}}
	s := &Source{Path: m.Dir, Config: m.Config, store: f}
	if err := f.recognise(s, r); err != nil {
		m.Close()
		return nil, fmt.Errorf("%s: %w", m.Dir, err)
	}
	s.Card = readCard(m.Dir, path)
	return s, nil
}

// recognise finds the family and how it stores weights.
func (f *folder) recognise(s *Source, r Reading) error {
	c := f.model.Config
	switch r.Weights {
	case WeightsFull:
		c.Ternary = false
	case WeightsMasters, WeightsTernary:
		c.Ternary = true
	}
	f.masters.sign = c.Sign
	f.family = model.FamilyOf(c, func(name string) bool { _, ok := f.model.Weights.Tensor(name); return ok })
	if err := f.chooseStorage(r); err != nil {
		return err
	}
	if err := f.checkUnknown(); err != nil {
		return err
	}
	if q := c.QuantizationConfig; f.masters.weights == "" && q != nil && q.QuantizationMode == "online" {
		f.masters.weights = WeightsMasters
	}
	s.Form = f.family.Title + ", " + f.storage.String()
	switch {
	case f.storage != model.Masters:
	case !c.Ternary:
		s.Form = f.family.Title + ", full precision"
	case c.QuantizationConfig == nil && r.Weights == "":
		s.note("config.json has no quantization_config: the weights are taken for masters, to be quantised by their absmean (--weights says otherwise)")
	}
	return nil
}

// chooseStorage goes by what config.json says, holds it against what is stored, and lets
// flags decide where the two leave a choice.
func (f *folder) chooseStorage(r Reading) error {
	name := f.family.Name(model.LayerTensor(0, model.QProj))
	q, ok := f.model.Weights.Tensor(name)
	switch {
	case !ok:
		return fmt.Errorf("the tensor %s is missing", name)
	case q.DType == "U8":
		return f.choosePacked(name, r)
	}
	return f.chooseMasters(name, q.DType, r)
}

// choosePacked finds out how the scales of a packed folder are meant.
func (f *folder) choosePacked(name string, r Reading) error {
	c := f.model.Config
	if r.Weights == WeightsFull || r.Weights == WeightsMasters {
		return fmt.Errorf("%s is U8, packed ternary weights: --weights %s is for floating-point ones", name, r.Weights)
	}
	c.Ternary = true
	if rule, ok := scaleRules[r.Scale]; ok {
		f.storage = rule
		return nil
	}
	var err error
	if f.storage, err = c.Storage(); err != nil || f.storage == model.Masters {
		return errors.Join(err, fmt.Errorf("%s is packed (U8), but config.json does not say whether weights are codes times weight_scale or codes divided by it: --scale %s (microsoft/bitnet-b1.58-2B-4T) or --scale %s (Llama3-8B-1.58, Falcon) decides", name, ScaleMultiply, ScaleDivide))
	}
	return nil
}

var scaleRules = map[string]model.Storage{ScaleMultiply: model.PackedMultiply, ScaleDivide: model.PackedDivide}

// chooseMasters refuses floating-point weights that config.json calls something else.
func (f *folder) chooseMasters(name, dtype string, r Reading) error {
	f.storage = model.Masters
	if r.Scale != "" {
		return fmt.Errorf("%s is %s: --scale is for packed folders, whose weights are U8", name, dtype)
	}
	said, err := f.model.Config.Storage()
	if r.Weights != "" || err == nil && said == model.Masters {
		return nil
	}
	if err == nil {
		err = errors.New("config.json says that weights are packed")
	}
	return fmt.Errorf("%w, but %s is %s: --weights %s if they are latent weights, %s if they are quantised already, %s for a model in full precision", err, name, dtype, WeightsMasters, WeightsTernary, WeightsFull)
}

// checkUnknown refuses tensors that the model has no place for: leaving a bias out, say,
// would make another model.
func (f *folder) checkUnknown() error {
	known := map[string]bool{}
	for _, spec := range f.model.Config.Tensors() {
		name := f.name(spec)
		known[name] = true
		known[name+scaleSuffix] = spec.Ternary && f.storage != model.Masters
	}
	var errs []error
	for _, t := range f.model.Weights.Tensors() {
		if !known[t.Name] && !model.Redundant(t.Name) {
			errs = append(errs, fmt.Errorf("there is a tensor %s, which the model of config.json has no place for", t.Name))
		}
	}
	return firstFew(errs)
}

func (f *folder) name(spec model.TensorSpec) string { return f.family.Name(spec.Name) }

func (f *folder) check(spec model.TensorSpec) error {
	name := f.name(spec)
	info, ok := f.model.Weights.Tensor(name)
	if !ok {
		return fmt.Errorf("the tensor %s is missing", name)
	}
	want := slices.Clone(spec.Shape)
	if spec.Ternary && f.storage != model.Masters {
		want[0] /= 4
		if _, ok := f.model.Weights.Tensor(name + scaleSuffix); !ok {
			return fmt.Errorf("the tensor %s%s is missing", name, scaleSuffix)
		}
	}
	if !slices.Equal(info.Shape, want) {
		return fmt.Errorf("%s has shape %v: config.json wants %v", name, info.Shape, want)
	}
	return nil
}

func (f *folder) open(spec model.TensorSpec) (*tensor, error) {
	name := f.name(spec)
	rows, k := shape(spec)
	if spec.Ternary && f.storage != model.Masters {
		return packedTensor(f.model.Weights, name, rows, k, f.storage)
	}
	info, _ := f.model.Weights.Tensor(name)
	t, err := denseTensor(f.model.Weights, info, rows, k)
	if err == nil && spec.Ternary {
		t, err = f.masters.of(name, t)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// vocab reads the tokenizer's files, where there are any.
func (f *folder) vocab() (tokenizer.Vocab, error) {
	tok, err := tokenizer.Load(f.model.Dir)
	if err != nil {
		if missing(f.model.Dir, "tokenizer.json") && missing(f.model.Dir, "tokenizer.model") {
			return tokenizer.Vocab{}, nil
		}
		return tokenizer.Vocab{}, err
	}
	return tok.Vocab(), nil
}

func missing(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return errors.Is(err, os.ErrNotExist)
}

func (f *folder) Close() error { return f.model.Close() }
