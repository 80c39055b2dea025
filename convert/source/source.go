// Package source reads models in all their forms: Hugging Face folders of every family,
// checkpoints of a training run, and GGUF files. A Model gives its weights one by one, and a
// weight its rows, with Hugging Face's names and order of rows, whatever the form; only those of hybrids are as in
// GGUF files (see hybrid.go). A ternary
// weight is codes and a scale; codes that are stored are read as they are, and never converted
// to floating-point numbers and back.
package source

import (
	"fmt"
	"os"
	"strings"

	"trit/format/hffolder"
	"trit/internal/parallel"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
)

// Model is an open model. Its files stay mapped until Close, and its weights must not be read
// after it.
type Model struct {
	Path   string          // of the file or folder; for a run, of its checkpoint
	Form   string          // form and family in words, for people
	Config *model.HFConfig // in Hugging Face's terms, whatever the form
	Card   Card
	// Trained is how a run trained its weights, if it rounds them with a scale a group: Config is then the
	// model in full precision whose weights they are rounded to. nil of all other models.
	Trained *model.Config
	Notes   []setting.Note // assumptions of the reader
	// Warnings name unknown keys, and projections that are zero or equal to another.
	Warnings []setting.Note
	store    store
	pool     *parallel.Pool
}

// store is a form in which a model has its weights.
type store interface {
	// name is the name of a weight in the files.
	name(spec model.TensorSpec) string
	// open prepares a weight to be read. Its rows are in Hugging Face's order.
	open(spec model.TensorSpec) (*Tensor, error)
	// hasMasters reports whether ternary weights are quantised from master weights.
	hasMasters() bool
	// vocab is the tokenizer. It has no Tokens if the model has no tokenizer.
	vocab() (tokenizer.Vocab, error)
	// files are the files beside the weights in a Hugging Face folder (see Model.Files).
	files() (map[string][]byte, error)
	// pooling is the pooling of an embedding model.
	pooling() hffolder.Pooling
	// sampling is the makers' advice on the choice of tokens.
	sampling() (model.Sampling, error)
	Close() error
}

// Open opens a model and checks that its files hold all of its weights and no others.
func Open(path string, o Options) (*Model, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return openFolder(path, o)
	case strings.HasSuffix(path, ".safetensors"):
		return nil, fmt.Errorf("%s is a file of weights alone: name the folder, which holds config.json too", path)
	}
	return openGGUF(path, o)
}

// Close closes the files.
func (m *Model) Close() error { return m.store.Close() }

// Name is the name of a weight in the files.
func (m *Model) Name(spec model.TensorSpec) string { return m.store.name(spec) }

// Tensor prepares a weight, one of Config.Tensors, to be read. A weight that is quantised from
// master weights is read once already, for its scale.
func (m *Model) Tensor(spec model.TensorSpec) (*Tensor, error) { return m.store.open(spec) }

// HasMasters reports whether the model holds the master weights of its ternary weights.
func (m *Model) HasMasters() bool { return m.store.hasMasters() }

// Vocab reads the tokenizer. It has no Tokens if the model has no tokenizer.
func (m *Model) Vocab() (tokenizer.Vocab, error) { return m.store.vocab() }

// Files are the contents of the files beside the weights in a Hugging Face folder, by name: the
// tokenizer's files, and the others that the source has.
func (m *Model) Files() (map[string][]byte, error) { return m.store.files() }

// Pooling is how an embedding model makes the vector of a text of the vectors of its tokens. It
// is hffolder.PoolingNone for a GGUF file.
func (m *Model) Pooling() hffolder.Pooling { return m.store.pooling() }

// Sampling is how the makers of the model advise to choose tokens: generation_config.json of a
// folder, general.sampling of a GGUF file.
func (m *Model) Sampling() (model.Sampling, error) { return m.store.sampling() }

func (m *Model) note(format string, args ...any) {
	m.Notes = append(m.Notes, setting.Note(fmt.Sprintf(format, args...)))
}

// EachTernary calls use with each ternary weight, in the order of Config.Tensors. It stops at
// the first error and returns it.
func (m *Model) EachTernary(use func(spec model.TensorSpec, t *Tensor) error) error {
	for _, spec := range m.Config.Tensors() {
		if !spec.Ternary {
			continue
		}
		t, err := m.store.open(spec)
		if err == nil {
			err = use(spec, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// matrix is the number of rows of a weight and their length; a vector is one row.
func matrix(spec model.TensorSpec) (rows, columns int) {
	columns = spec.Shape[len(spec.Shape)-1]
	return spec.Elements() / columns, columns
}
