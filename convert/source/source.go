// Package source reads models in all their forms: Hugging Face folders of every family,
// checkpoints of a training run, and GGUF files. A Model hands out its weights one by one, and
// a weight its rows, in Hugging Face's names and order, whatever it is read from. Ternary
// weights are codes and a scale; codes that are stored are read as they are and never pass
// through floating-point numbers.
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
	Path   string          // of the folder or file itself, where a run was named
	Form   string          // what it is, for people
	Config *model.HFConfig // in Hugging Face's terms, whatever it was read from
	Card   Card
	Notes  []setting.Note // what was assumed
	// Warnings name keys that are not known, and projections that are zero or repeat others.
	Warnings []setting.Note
	store    store
	pool     *parallel.Pool
}

// store is a form in which a model has its weights.
type store interface {
	// name is what the form calls a weight.
	name(spec model.TensorSpec) string
	// open prepares a weight to be read. Its rows are in Hugging Face's order.
	open(spec model.TensorSpec) (*Tensor, error)
	// hasMasters reports whether ternary weights are quantised from master weights.
	hasMasters() bool
	// vocab is the tokenizer; without Tokens where there is none.
	vocab() (tokenizer.Vocab, error)
	// files are those that go with a model in a folder.
	files() (map[string][]byte, error)
	// pooling is that of an embedding model.
	pooling() hffolder.Pooling
	Close() error
}

// Open opens a model and checks that all of its weights are there, and nothing else.
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
		return nil, fmt.Errorf("%s: one file of weights is no model: name the folder, which holds config.json too", path)
	}
	return openGGUF(path, o)
}

// Close gives the files back.
func (m *Model) Close() error { return m.store.Close() }

// Name is what the files call a weight.
func (m *Model) Name(spec model.TensorSpec) string { return m.store.name(spec) }

// Tensor prepares a weight to be read, one of Config.Tensors. A weight that is quantised from
// masters is read once for that.
func (m *Model) Tensor(spec model.TensorSpec) (*Tensor, error) { return m.store.open(spec) }

// HasMasters reports whether the model holds the master weights of its ternary ones.
func (m *Model) HasMasters() bool { return m.store.hasMasters() }

// Vocab reads the tokenizer; it has no Tokens where the model has no tokenizer.
func (m *Model) Vocab() (tokenizer.Vocab, error) { return m.store.vocab() }

// Files are the contents of the files that go with the model in a Hugging Face folder: the
// tokenizer's, and those that the folder has beside it.
func (m *Model) Files() (map[string][]byte, error) { return m.store.files() }

// Pooling is how an embedding model makes one vector of those of the tokens.
func (m *Model) Pooling() hffolder.Pooling { return m.store.pooling() }

func (m *Model) note(format string, args ...any) {
	m.Notes = append(m.Notes, setting.Note(fmt.Sprintf(format, args...)))
}

// EachTernary calls use with the ternary weights one after another, until one has an error.
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

// matrix is a weight's rows and their length; a vector is one row.
func matrix(spec model.TensorSpec) (rows, columns int) {
	columns = spec.Shape[len(spec.Shape)-1]
	return spec.Elements() / columns, columns
}
