package source

import (
	"errors"
	"fmt"
	"math"

	"trit/format/hffolder"
	"trit/internal/parallel"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
)

// folder is a model in a Hugging Face folder.
type folder struct {
	*hffolder.Folder
	floats  floats        // reads ternary weights that are not packed
	trained *model.Config // of a run whose weights have a scale a group; see Model.Trained
	pool    *parallel.Pool
}

// openFolder opens a Hugging Face folder, or the newest checkpoint of a run.
func openFolder(path string, o Options) (*Model, error) {
	hf, err := hffolder.Open(path, o.Set...)
	if err != nil {
		return nil, err
	}
	f := &folder{Folder: hf, floats: floats{weights: o.Weights}, pool: parallel.New(o.Threads)}
	m := &Model{Path: hf.Dir, Config: hf.Config, Notes: hf.Config.Notes(), store: f, pool: f.pool}
	err = f.recognise(m, o)
	if err == nil {
		err = f.Check()
	}
	if err == nil && o.Scale == "" {
		err = f.checkScaleRule(m)
	}
	if err == nil {
		m.Warnings, err = f.Warnings()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", hf.Dir, err), m.Close())
	}
	m.Card = readCard(hf.Dir, path)
	return m, nil
}

// recognise finds the family and how it stores weights.
func (f *folder) recognise(m *Model, o Options) error {
	c := f.Config
	if c.IsHybrid() && o.namesTernary() {
		return hasNoTernary(o.Weights, "model_type is "+c.ModelType)
	}
	switch o.Weights {
	case WeightsFull:
		c.Config = c.Values()
	case WeightsMasters, WeightsTernary:
		c.Ternary = true
	}
	f.floats.rule = rule{c.Sign, c.HalfScales}
	f.Family = model.FamilyOf(c, f.Has)
	if err := f.chooseStorage(o); err != nil {
		return err
	}
	if q := c.QuantizationConfig; f.floats.weights == "" && q != nil && q.QuantizationMode == "online" {
		f.floats.weights = WeightsMasters
	}
	m.Form = f.Family.Title + ", " + f.Storage.String()
	if c.IsGrouped() && f.Storage == model.Masters {
		return f.readGroups(m, o.Weights)
	}
	switch {
	case f.Storage != model.Masters:
	case !c.Ternary:
		m.Form = f.Family.Title + ", full precision"
	case c.QuantizationConfig == nil && o.Weights == "":
		m.note("config.json has no quantization_config: the weights are taken for masters, to be quantised by their "+
			"absmean ({%s} says otherwise)", weightsField)
	}
	return nil
}

// chooseStorage goes by what config.json says, compares it with what is stored, and lets
// the options decide where the two leave a choice.
func (f *folder) chooseStorage(o Options) error {
	name := f.Name(f.Config.FirstProjection())
	q, ok := f.Weights.Tensor(name)
	switch {
	case !ok:
		return fmt.Errorf("the tensor %s is missing", name)
	case q.DType == "U8":
		return f.choosePacked(name, o)
	}
	return f.chooseFloats(name, q.DType, o)
}

// choosePacked finds out how the scales of a packed folder are meant.
func (f *folder) choosePacked(name string, o Options) error {
	if o.Weights == WeightsFull || o.Weights == WeightsMasters {
		return setting.Needs(weightsField, fmt.Sprintf("%s is U8, packed ternary weights", name),
			fmt.Sprintf("{%s} %s is for floating-point ones", weightsField, o.Weights))
	}
	f.Config.Ternary = true
	if rule, ok := scaleRules[o.Scale]; ok {
		f.Storage = rule
		return nil
	}
	var err error
	if f.Storage, err = f.Config.Storage(); err != nil || f.Storage == model.Masters {
		return errors.Join(err, setting.Needs(scaleField,
			fmt.Sprintf("%s is packed (U8), but config.json does not say whether weights are codes times weight_scale or "+
				"codes divided by it", name),
			fmt.Sprintf("{%[1]s} %[2]s (microsoft/bitnet-b1.58-2B-4T) or {%[1]s} %[3]s (Llama3-8B-1.58, Falcon) decides",
				scaleField, ScaleMultiply, ScaleDivide)))
	}
	return nil
}

var scaleRules = map[Scale]model.Storage{ScaleMultiply: model.PackedMultiply, ScaleDivide: model.PackedDivide}

// chooseFloats refuses floating-point weights that config.json calls something else.
func (f *folder) chooseFloats(name, dtype string, o Options) error {
	if o.Scale != "" {
		return setting.Needs(scaleField, fmt.Sprintf("%s is %s", name, dtype),
			fmt.Sprintf("{%s} is for packed folders, whose weights are U8", scaleField))
	}
	said, err := f.Config.Storage()
	f.Storage = model.Masters
	if o.Weights != "" || err == nil && said == model.Masters {
		return nil
	}
	if err == nil {
		err = errors.New("config.json says that weights are packed")
	}
	return setting.Needs(weightsField, fmt.Sprintf("%v, but %s is %s", err, name, dtype), kinds("if they are"))
}

// kinds is the remedy where the files do not say what floating-point weights are.
func kinds(ifTheyAre string) string {
	return fmt.Sprintf("{%s} %s %s master weights, %s if they are quantised already, %s for a model in full precision",
		weightsField, WeightsMasters, ifTheyAre, WeightsTernary, WeightsFull)
}

func (f *folder) name(spec model.TensorSpec) string { return f.Name(spec) }

func (f *folder) open(spec model.TensorSpec) (*Tensor, error) {
	name := f.Name(spec)
	rows, columns := matrix(spec)
	if spec.Ternary && f.Storage != model.Masters {
		return packedTensor(f.Weights, name, rows, columns, f.Storage, f.pool)
	}
	info, _ := f.Weights.Tensor(name)
	t, err := denseTensor(f.Weights, info, rows, columns, f.pool)
	switch {
	case err != nil:
	case f.rounds(spec):
		t, err = f.grouped(name, t)
	case f.Config.IsHybrid():
		t = t.fromFolder(&f.Config.Config, spec)
	case spec.Ternary:
		t, err = f.floats.ternary(name, t)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func (f *folder) hasMasters() bool {
	return f.Storage == model.Masters && f.floats.weights != WeightsTernary
}

func (f *folder) vocab() (tokenizer.Vocab, error) { return f.Vocab() }

func (f *folder) files() (map[string][]byte, error) { return f.Files() }

func (f *folder) pooling() hffolder.Pooling { return f.Pooling() }

func (f *folder) sampling() (model.Sampling, error) { return f.Sampling() }

// The size of a ternary weight's outputs is estimated by its gain, the scale times the root of
// the row length: about 1 in models without sub-norms, up to some tens in those with them. A
// gain beyond these bounds, whose inverse lies well inside, is upside down.
const (
	leastGain, mostGain   = 1e-3, 500
	leastUsual, mostUsual = 1e-2, 100
)

// checkScaleRule refuses a packed folder whose scales make sense only the other way round.
func (f *folder) checkScaleRule(m *Model) error {
	if f.Storage == model.Masters {
		return nil
	}
	chosen, inverse, err := gains(m)
	if err != nil {
		return err
	}
	if (chosen > mostGain || chosen < leastGain) && inverse > leastUsual && inverse < mostUsual {
		rule, other, verb := ScaleMultiply, ScaleDivide, "multiplied"
		if f.Storage == model.PackedDivide {
			rule, other, verb = other, rule, "divided"
		}
		return setting.Needs(scaleField,
			fmt.Sprintf("config.json says that weights are codes %s by weight_scale, which makes outputs about %.3g times "+
				"their inputs, "+
				"while the other way makes them %.3g times", verb, chosen, inverse),
			fmt.Sprintf("the scales look inverted; {%[1]s} %[2]s or {%[1]s} %[3]s says which way is right",
				scaleField, other, rule))
	}
	return nil
}

// gains are the geometric means of the gains of all ternary weights, by the rule of the folder
// and by the other one.
func gains(m *Model) (chosen, inverse float64, err error) {
	n := 0
	err = m.EachTernary(func(_ model.TensorSpec, t *Tensor) error {
		root := math.Sqrt(float64(t.Columns))
		chosen += math.Log(float64(t.Scale) * root)
		inverse += math.Log(root / float64(t.Scale))
		n++
		return nil
	})
	return math.Exp(chosen / float64(n)), math.Exp(inverse / float64(n)), err
}
