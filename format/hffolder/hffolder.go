// Package hffolder reads and writes models in the form of Hugging Face folders: config.json,
// weights by name in one safetensors file or several with an index, the files of the
// tokenizer, and other small files. It knows the tensors that a model has, and opens the newest
// such folder of a training run.
package hffolder

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/model"
	"trit/setting"
)

// Names of files in a folder.
const (
	ConfigFile  = "config.json"
	CardFile    = "README.md"
	WeightsFile = "model.safetensors"
	// AverageFile holds the running mean of the weights in a checkpoint of a run. If a checkpoint
	// has it, it is read instead of the weights, since the run evaluates the mean.
	AverageFile = "ema.safetensors"
	// adapterFile describes a LoRA or another adapter of PEFT, whose weights stand beside it.
	adapterFile = "adapter_config.json"
)

// Folder is an open model folder. Its files stay mapped until Close.
type Folder struct {
	Dir     string // folder of the files; if a run was opened, of its checkpoint
	Config  *model.HFConfig
	Family  *model.Family // names the tensors
	Storage model.Storage // form of the ternary weights that Check wants; Open takes it from config.json
	Weights *safetensors.File
}

// Open opens a model folder, or the newest checkpoint of a run, with the running mean of the
// weights if it has one. It reads config.json and the headers of the weights, and checks
// neither names nor shapes; see Check. A config.json that does not say how ternary weights
// are stored is no error here: Config.Storage has it. set changes keys of config.json, as
// model.ParseHF takes them.
func Open(path string, set ...string) (*Folder, error) {
	dir, err := Resolve(path)
	if err != nil {
		return nil, err
	}
	if exists(filepath.Join(dir, adapterFile)) && !exists(filepath.Join(dir, ConfigFile)) {
		return nil, isAdapter(path, dir)
	}
	if average := filepath.Join(dir, AverageFile); exists(average) {
		return OpenWeights(dir, average, set...)
	}
	return OpenWeights(dir, dir, set...)
}

// maxConfigBytes is the largest size of a config.json, far above any model's.
const maxConfigBytes = 1 << 20

// OpenWeights opens the model folder dir with the weights of a safetensors file, or of a
// folder that holds one or shards. set is as in Open.
func OpenWeights(dir, weights string, set ...string) (*Folder, error) {
	b, err := atomicfile.Read(filepath.Join(dir, ConfigFile), maxConfigBytes)
	if err != nil {
		return nil, err
	}
	if exists(filepath.Join(dir, adapterFile)) {
		return nil, fmt.Errorf("%s holds %s: transformers would add that adapter to the weights, which is not supported; "+
			"merge it into them, or take the file out where they hold it already", dir, adapterFile)
	}
	f := &Folder{Dir: dir}
	if f.Config, err = model.ParseHF(b, set...); err == nil {
		err = f.checkModules()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if f.Weights, err = safetensors.Open(weights); err != nil {
		return nil, err
	}
	if err := f.Config.Observe(f.Has); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	f.Storage, _ = f.Config.Storage()
	f.Family = model.FamilyOf(f.Config, f.Has)
	return f, nil
}

// Close closes the files.
func (f *Folder) Close() error {
	if f.Weights == nil {
		return nil
	}
	return f.Weights.Close()
}

// Has reports whether there is a tensor of this name.
func (f *Folder) Has(name string) bool {
	_, ok := f.Weights.Tensor(name)
	return ok
}

// Name is what the folder calls a weight.
func (f *Folder) Name(spec model.TensorSpec) string { return f.Family.Name(spec.Name) }

// packed reports whether a weight is stored as codes with a scale beside it.
func (f *Folder) packed(spec model.TensorSpec) bool {
	return spec.Ternary && f.Storage != model.Masters
}

// Check reports the tensors that are missing, have another shape than the model of Config
// wants, or have no place in it; all of them, though an error names the first few. It reads
// no weight but those of a tied head that is there once more, which has to be the embedding.
func (f *Folder) Check() error {
	specs := f.Config.Tensors()
	places := map[string]bool{}
	for _, spec := range specs {
		name := f.Name(spec)
		places[name] = true
		places[name+ScaleSuffix] = f.packed(spec)
	}
	hasPlace := func(name string) bool {
		_, apart := f.Family.PartOf(name)
		return places[name] || apart || model.Redundant(name)
	}
	errs := model.Unplaced(f.names(), hasPlace, ConfigFile)
	for _, spec := range specs {
		if err := f.check(spec); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return f.checkTiedHead()
	}
	return model.JoinFirst(errs)
}

// checkTiedHead refuses a head that is not the embedding in a folder whose model is tied.
func (f *Folder) checkTiedHead() error {
	name := f.Family.Name(model.EmbedTokens)
	head, ok := f.Weights.Tensor(model.LMHead)
	if !ok || !f.Config.TieWordEmbeddings {
		return nil
	}
	embedding, _ := f.Weights.Tensor(name)
	same, err := f.sameValues(head, embedding)
	if err != nil {
		return err
	}
	if same {
		return nil
	}
	return setting.Needs("source.Options.Set",
		fmt.Sprintf("%s says that tie_word_embeddings is true, but %s is not %s", ConfigFile, model.LMHead, name),
		"set the key to false to compute with the head, or take the head out of the folder; to convert it, "+
			"{source.Options.Set} tie_word_embeddings=false does the former")
}

// sameValues reports whether two tensors hold the same numbers.
func (f *Folder) sameValues(a, b safetensors.TensorInfo) (bool, error) {
	x, errX := f.Weights.Bytes(a.Name)
	y, errY := f.Weights.Bytes(b.Name)
	switch {
	case errX != nil || errY != nil:
		return false, errors.Join(errX, errY)
	case !slices.Equal(a.Shape, b.Shape):
		return false, nil
	case a.DType == b.DType:
		return bytes.Equal(x, y), nil
	}
	rows := a.Shape[0]
	u, v := make([]float32, a.Elements()/rows), make([]float32, a.Elements()/rows)
	for row := range rows {
		nx, ny := len(x)/rows, len(y)/rows
		err := errors.Join(safetensors.DecodeFloat32(u, f.Dir, a, x[row*nx:][:nx]),
			safetensors.DecodeFloat32(v, f.Dir, b, y[row*ny:][:ny]))
		if err != nil || !slices.Equal(u, v) {
			return false, err
		}
	}
	return true, nil
}

// names yields the names of all tensors of the folder.
func (f *Folder) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, t := range f.Weights.Tensors() {
			if !yield(t.Name) {
				return
			}
		}
	}
}

func (f *Folder) check(spec model.TensorSpec) error {
	name := f.Name(spec)
	info, ok := f.Weights.Tensor(name)
	if !ok {
		return missing(name, spec)
	}
	want := slices.Clone(spec.FolderShape())
	if f.packed(spec) {
		want[0] /= 4
		if !f.Has(name + ScaleSuffix) {
			return fmt.Errorf("the tensor %s%s is missing", name, ScaleSuffix)
		}
	}
	if !slices.Equal(info.Shape, want) {
		return fmt.Errorf("%s has shape %v: config.json wants %v%s", name, info.Shape, want, f.heads(spec))
	}
	return nil
}

// heads says of a projection of attention which keys its shape follows from.
func (f *Folder) heads(spec model.TensorSpec) string {
	if !strings.Contains(spec.Name, ".self_attn.") || len(spec.Shape) != 2 {
		return ""
	}
	c := f.Config
	return fmt.Sprintf(", by head_dim %d, num_attention_heads %d and num_key_value_heads %d",
		c.HeadDim, c.NumAttentionHeads, c.NumKeyValueHeads)
}

func missing(name string, spec model.TensorSpec) error {
	if strings.HasSuffix(spec.Name, model.AttnSubNorm) || strings.HasSuffix(spec.Name, model.FFNSubNorm) {
		return fmt.Errorf("the tensor %s is missing, but sub_norms is true: if the model has none, say so in "+
			"config.json", name)
	}
	return fmt.Errorf("the tensor %s is missing", name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
