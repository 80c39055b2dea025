package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/model"
	"trit/setting"
	"trit/train/checkpoint"
	"trit/train/graph"
)

// InitialModel is the model of a folder that a run can begin with: a Hugging Face
// folder of master weights or a checkpoint of ours.
func InitialModel(dir string) (model.Config, error) {
	c, err := openMasters(dir)
	if err != nil {
		return model.Config{}, err
	}
	defer c.Close()
	return c.Config.Config, nil
}

// openMasters opens a folder of master weights.
func openMasters(dir string) (*checkpoint.Loaded, error) {
	c, err := checkpoint.LoadModel(dir)
	if err != nil {
		return nil, err
	}
	if err := checkMasters(c); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Dir, err), c.Close())
	}
	return c, nil
}

var errPacked = errors.New("the ternary weights are packed, and what they were rounded from is gone: name the folder with the master weights of this model (published ones end in -bf16)")

func checkMasters(c *checkpoint.Loaded) error {
	storage, err := c.Config.Storage()
	switch {
	case err != nil:
		return err
	case storage != model.Masters:
		return errPacked
	}
	return graph.Check(&c.Config.Config)
}

// readMasters reads the weights of a folder, of any float type and naming, each into
// its place, and refuses a folder with too few tensors or with more than the model has.
func readMasters(c *checkpoint.Loaded, p *graph.Params) error {
	family := model.FamilyOf(c.Config, func(name string) bool { _, ok := c.Weights.Tensor(name); return ok })
	var errs []error
	known := map[string]bool{}
	for _, spec := range p.Specs() {
		name := family.Name(spec.Name)
		known[name] = true
		if err := readMaster(c, name, spec, p.Value(spec.Name)); err != nil {
			errs = append(errs, err)
		}
	}
	for _, t := range c.Weights.Tensors() {
		if !known[t.Name] && !model.Redundant(t.Name) {
			errs = append(errs, fmt.Errorf("there is a tensor %s, which the model of config.json has no place for", t.Name))
		}
	}
	return firstFew(c.Dir, errs)
}

func readMaster(c *checkpoint.Loaded, name string, spec model.TensorSpec, dst []float32) error {
	info, ok := c.Weights.Tensor(name)
	switch {
	case !ok && (strings.HasSuffix(spec.Name, model.AttnSubNorm) || strings.HasSuffix(spec.Name, model.FFNSubNorm)):
		return fmt.Errorf("the tensor %s is missing, but sub_norms is true: where the model has none, say so in config.json", name)
	case !ok:
		return fmt.Errorf("the tensor %s is missing", name)
	case info.DType == "U8":
		return fmt.Errorf("%s: %w", name, errPacked)
	case !slices.Equal(info.Shape, spec.Shape):
		return fmt.Errorf("%s has shape %v: config.json wants %v", name, info.Shape, spec.Shape)
	}
	return c.Weights.ReadFloat32(name, dst)
}

// firstFew joins errors, but not one for each tensor of a large model.
func firstFew(dir string, errs []error) error {
	const few = 3
	if len(errs) > few {
		errs = append(slices.Clip(errs[:few]), fmt.Errorf("and %d more", len(errs)-few))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// takeModel takes the model of the folder that the run begins with. What the
// run's own configuration says must agree, but for what the weights leave open.
func (r *Run) takeModel() error {
	folder, err := InitialModel(r.Init)
	if err != nil {
		return err
	}
	if r.Model == (model.Config{}) {
		r.Model = folder
		return nil
	}
	if r.Model.VocabSize == 0 {
		r.Model.VocabSize = folder.VocabSize
	}
	r.Model.Resolve()
	same := r.Model
	same.Ternary, same.Sign, same.MaxPositionEmbeddings = folder.Ternary, folder.Sign, folder.MaxPositionEmbeddings
	var errs []error
	for _, d := range differences(same, folder) {
		errs = append(errs, fmt.Errorf("%s is %v in the configuration, but %v in config.json of %s", d.key, d.a, d.b, r.Init))
	}
	if len(errs) > 0 {
		return &setting.Error{Field: "train.Run.Init", Problem: errors.Join(errs...).Error(),
			Remedy: "leave the model's keys to the folder: with {train.Run.Init}, {train.Run.Model} may be left out or hold the recipe alone"}
	}
	return nil
}

// checkTokenizer compares the tokenizer of the folder that a run begins with to that of the
// data, files. It returns a warning where the folder has none.
func checkTokenizer(c *checkpoint.Loaded, files map[string][]byte) (warnings []string, err error) {
	const name = "tokenizer.json"
	b, err := os.ReadFile(filepath.Join(c.Dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return []string{fmt.Sprintf("%s has no %s: whether the data were encoded with its tokenizer is not known", c.Dir, name)}, nil
	}
	if err != nil {
		return nil, err
	}
	same, err := sameJSON(b, files[name])
	if err == nil && !same {
		err = errors.New("it is another tokenizer than the one that the data were encoded with")
	}
	if err != nil {
		return nil, &setting.Error{Field: "data.PrepareOptions.Tokenizer", Problem: filepath.Join(c.Dir, name), Err: err,
			Remedy: fmt.Sprintf("{data.PrepareOptions.Tokenizer} %s makes data that fit", c.Dir)}
	}
	return nil, nil
}

// sameJSON compares without regard to white space.
func sameJSON(a, b []byte) (bool, error) {
	var x, y bytes.Buffer
	err := errors.Join(json.Compact(&x, a), json.Compact(&y, b))
	return bytes.Equal(x.Bytes(), y.Bytes()), err
}

// readInitial reads the weights of the folder that the run begins with.
func (r *Run) readInitial(files map[string][]byte) (p *graph.Params, warnings []string, err error) {
	c, err := openMasters(r.Init)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	if warnings, err = checkTokenizer(c, files); err != nil {
		return nil, nil, err
	}
	p = graph.EmptyParams(r.Model)
	return p, warnings, readMasters(c, p)
}
