package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/format/adapter"
	"trit/format/hffolder"
	"trit/model"
	"trit/setting"
	"trit/train/adapters"
	"trit/train/graph"
	"trit/train/ranks"
)

// InitialModel reads the model of a folder that a run can begin with: a Hugging Face folder of
// master weights, or a checkpoint of a run.
func InitialModel(dir string) (model.Config, error) {
	c, err := openMasters(dir)
	if err != nil {
		return model.Config{}, err
	}
	defer c.Close()
	return c.Config.Config, nil
}

// openMasters opens a folder of master weights, and refuses one with too few tensors or with
// more than the model has.
func openMasters(dir string) (*hffolder.Folder, error) {
	c, err := hffolder.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := checkMasters(c); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Dir, err), c.Close())
	}
	return c, nil
}

// ErrPacked is the error of a folder that the graph cannot compute with, since its ternary weights are
// packed.
var ErrPacked = errors.New("the ternary weights are packed, and the master weights are not in the folder: name the " +
	"folder with the master weights of this model (published ones end in -bf16)")

func checkMasters(c *hffolder.Folder) error {
	storage, err := c.Config.Storage()
	switch {
	case err != nil:
		return err
	case storage != model.Masters:
		return ErrPacked
	}
	if err := graph.Check(&c.Config.Config); err != nil {
		return err
	}
	for _, spec := range c.Config.Tensors() {
		if info, _ := c.Weights.Tensor(c.Name(spec)); info.DType == "U8" {
			return fmt.Errorf("%s: %w", c.Name(spec), ErrPacked)
		}
	}
	return c.Check()
}

// readMasters reads the weights of a folder, of any float type and naming, each into
// the parameter of its name.
func readMasters(c *hffolder.Folder, p *graph.Params) error {
	return readWeights(c, p, p.Specs())
}

func readWeights(c *hffolder.Folder, p *graph.Params, specs []model.TensorSpec) error {
	for _, spec := range specs {
		if err := c.Weights.ReadFloat32(c.Name(spec), p.Value(spec.Name)); err != nil {
			return fmt.Errorf("%s: %w", c.Dir, err)
		}
		if slices.ContainsFunc(p.Value(spec.Name), notFinite) {
			return fmt.Errorf("%s: %s: it holds values that are not finite: the file is damaged, or training had diverged",
				c.Dir, c.Name(spec))
		}
	}
	return nil
}

func notFinite(v float32) bool { return v-v != 0 }

// takeModel sets the model of the run to the one of the folder that it begins with. The keys
// that the run's own configuration sets must have the same values, except the keys that the
// weights do not fix.
func (r *Run) takeModel() error {
	folder, err := r.initialModel()
	if err != nil {
		return err
	}
	if r.Adapt {
		return nil
	}
	if r.Model == (model.Config{}) {
		r.Model = folder
		return nil
	}
	if r.Model.VocabSize == 0 {
		r.Model.VocabSize = folder.VocabSize
	}
	r.Model.Resolve()
	same := r.Model.Values()
	same.MaxPositionEmbeddings = folder.MaxPositionEmbeddings
	same.Int4Activations, same.DeadzoneBias = folder.Int4Activations, folder.DeadzoneBias
	var errs []error
	for _, d := range differences(same, folder.Values()) {
		errs = append(errs, fmt.Errorf("%s is %v in the configuration, but %v in config.json of %s", d.key, d.a, d.b, r.Init))
	}
	if len(errs) > 0 {
		return setting.Needs("train.Run.Init", errors.Join(errs...).Error(),
			"leave the model's keys to the folder: with {train.Run.Init}, {train.Run.Model} may be left out or hold the "+
				"recipe alone")
	}
	return nil
}

// initialModel is the model that the run begins with.
func (r *Run) initialModel() (model.Config, error) {
	if r.Options.LoRARank == 0 {
		return InitialModel(r.Init)
	}
	b, err := r.openBase()
	if err != nil {
		return model.Config{}, err
	}
	return b.Shape(), b.Close()
}

// openBase opens the model beneath the adapters of the run. Adapters inside the quantiser need its
// master weights.
func (r *Run) openBase() (adapters.Model, error) {
	folder, err := openMasters(r.Init)
	if err == nil {
		return adapters.Masters{Files: folder}, nil
	}
	if r.Options.lora().Placement == adapter.Inside {
		return nil, &setting.Error{Field: "train.Run.Init", Problem: "adapters inside the quantiser need master weights",
			Err: err, Remedy: "{train.Run.Init} names a folder of them; or set lora_placement to " + string(adapter.Beside)}
	}
	if r.OpenBase != nil {
		return r.OpenBase(r.Init)
	}
	return nil, err
}

// readBase reads the model beneath the adapters of the run, which every rank does by itself.
func (r *Run) readBase(files map[string][]byte) (b *graph.Base, warnings []string, err error) {
	m, err := r.openBase()
	if err != nil {
		return nil, nil, err
	}
	defer m.Close()
	if dir := m.Folder(); dir == "" {
		warnings = []string{untold(r.Init)}
	} else if warnings, err = checkTokenizer(dir, files); err != nil {
		return nil, nil, err
	}
	if b, err = adapters.Read(m, r.Model, r.Options.lora().Placement == adapter.Inside, r.Threads); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r.Init, err)
	}
	return b, warnings, ranks.Agree(r.comm(), "the model beneath the adapters", []byte(b.Fingerprint()))
}

// tokenizerFile is the file of a tokenizer that is compared.
const tokenizerFile = "tokenizer.json"

// untold is the warning of a model without a tokenizer.
func untold(path string) string {
	return fmt.Sprintf("%s has no %s: nobody can tell whether the data were encoded with the model's tokenizer", path,
		tokenizerFile)
}

// checkTokenizer compares the tokenizer of the folder that a run begins with to files, the
// tokenizer of the data. It returns a warning if the folder has none.
func checkTokenizer(dir string, files map[string][]byte) (warnings []string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, tokenizerFile))
	if errors.Is(err, os.ErrNotExist) {
		return []string{untold(dir)}, nil
	}
	if err != nil {
		return nil, err
	}
	same, err := sameJSON(b, files[tokenizerFile])
	if err == nil && !same {
		err = errors.New("it is another tokenizer than the one that the data were encoded with")
	}
	if err != nil {
		return nil, &setting.Error{Field: "data.PrepareOptions.Tokenizer", Err: err,
			Problem: filepath.Join(dir, tokenizerFile),
			Remedy:  fmt.Sprintf("{data.PrepareOptions.Tokenizer} %s makes data that fit", dir)}
	}
	return nil, nil
}

// sameJSON reports whether two JSON texts are equal, spaces between their tokens aside.
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
	if warnings, err = checkTokenizer(c.Dir, files); err != nil {
		return nil, nil, err
	}
	if r.Adapt {
		return r.adapt(c, warnings)
	}
	p = graph.EmptyParams(r.Model)
	if err := readMasters(c, p); err != nil {
		return nil, nil, err
	}
	notes, err := folderWarnings(c)
	for _, n := range notes {
		warnings = append(warnings, n.String())
	}
	return p, warnings, err
}

// adapt makes the weights of a model that is not quite the one of the folder: those that both have in
// the same shape are read, the others are fresh. The warnings say which these are.
func (r *Run) adapt(c *hffolder.Folder, warnings []string) (*graph.Params, []string, error) {
	p, shapes := graph.NewParams(r.Model, r.Options.Seed), map[string][]int{}
	for _, spec := range c.Config.Tensors() {
		shapes[spec.Name] = spec.Shape
	}
	var taken []model.TensorSpec
	var fresh []string
	for _, spec := range p.Specs() {
		if slices.Equal(shapes[spec.Name], spec.Shape) {
			taken = append(taken, spec)
			delete(shapes, spec.Name)
		} else {
			fresh = append(fresh, spec.Name)
		}
	}
	note := fmt.Sprintf("%d of %d weights are those of %s", len(taken), len(p.Specs()), c.Dir)
	if len(fresh) > 0 {
		note += fmt.Sprintf("; fresh (norms are 1): %s", strings.Join(fresh, ", "))
	}
	if len(shapes) > 0 {
		note += fmt.Sprintf("; left there: %s", strings.Join(slices.Sorted(maps.Keys(shapes)), ", "))
	}
	return p, append(warnings, note), readWeights(c, p, taken)
}

// folderWarnings are what was assumed of a folder, and what looks wrong in it.
func folderWarnings(c *hffolder.Folder) ([]setting.Note, error) {
	warnings, err := c.Warnings()
	return slices.Concat(c.Config.Notes(), warnings), err
}
