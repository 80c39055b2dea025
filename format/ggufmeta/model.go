package ggufmeta

import (
	"fmt"
	"slices"

	"trit/format/gguf"
	"trit/model"
	"trit/setting"
)

// Model is what the metadata of a GGUF file and the names of its tensors say of a model.
type Model struct {
	Config       model.Config
	Architecture string
	Warnings     []setting.Note // keys that are not known, and projections that are zero or repeat others
}

// ReadModel reads the shape of a model and refuses a file that holds anything which would
// change its results and is not computed: keys by their table, sizes that contradict each
// other, and tensors without a place. Every reader of GGUF files begins with it. It reads the
// beginnings of projections, for the warnings.
func ReadModel(f *gguf.File) (*Model, error) {
	m := &Model{}
	var err error
	if m.Config, m.Architecture, err = readConfig(f); err != nil {
		return m, err
	}
	if err := checkSizes(&f.Metadata, m.Architecture, &m.Config); err != nil {
		return m, err
	}
	if m.Warnings, err = checkKeys(&f.Metadata, m.Architecture, &m.Config); err != nil {
		return m, err
	}
	m.Warnings = append(m.Warnings, assumed(&f.Metadata, m.Architecture, &m.Config)...)
	if err := checkMerges(&f.Metadata); err != nil {
		return m, err
	}
	if err := checkTensors(f, &m.Config); err != nil {
		return m, err
	}
	if err := readBasis(&f.Metadata, &m.Config); err != nil {
		return m, err
	}
	m.Warnings = append(m.Warnings, lostBasis(f, m.Architecture, &m.Config)...)
	m.Warnings = append(m.Warnings, deadWeights(f, &m.Config)...)
	return m, nil
}

// assumed are the warnings of keys that the metadata leaves out though results depend on them.
// Early converters did not write the base of the rotary embedding, whatever it was.
func assumed(m *gguf.Metadata, architecture string, c *model.Config) (notes []setting.Note) {
	lacks := func(key, consequence string) {
		if _, ok := m.Get(key); !ok {
			notes = append(notes, setting.Note(fmt.Sprintf("the metadata has no %s: %s", key, consequence)))
		}
	}
	lacks(architecture+".rope.freq_base", fmt.Sprintf("it is taken for %v, as llama.cpp does", c.RopeTheta))
	if _, ok := m.Get(prefix + "tokens"); ok {
		lacks(prefix+"token_type", "no token is special, so their names in a text are read as text")
	}
	return notes
}

// checkMerges refuses a byte-level tokenizer whose merges are not there: it would turn a text
// into single bytes.
func checkMerges(m *gguf.Metadata) error {
	kind, _ := m.String(prefix + "model")
	_, merges := m.Get(prefix + "merges")
	if _, tokens := m.Get(prefix + "tokens"); tokens && kind == "gpt2" && !merges {
		return fmt.Errorf("the key %smodel is %q, but there is no %smerges: convert the model again", prefix, kind, prefix)
	}
	return nil
}

// checkTensors reports the tensors that are missing, have other dims than the metadata want,
// or have no place in the model, such as a bias. Factors of the rotary embedding have one.
func checkTensors(f *gguf.File, c *model.Config) error {
	specs, places := c.Tensors(), map[string]bool{}
	for _, spec := range specs {
		places[spec.GGUF] = true
		if t, _ := f.Tensor(spec.GGUF); t.Type.IsTernary() && c.Ternary { // with a scale a group it would not be computed
			places[ScaleName(spec.GGUF)] = true
		}
	}
	names := func(yield func(string) bool) {
		for _, t := range f.Tensors {
			if !yield(t.Name) {
				return
			}
		}
	}
	hasPlace := func(name string) bool { return places[name] || IsRotaryTensor(name) }
	errs := model.Unplaced(names, hasPlace, "the metadata")
	for _, spec := range specs {
		t, ok := f.Tensor(spec.GGUF)
		if want := gguf.Dims(spec.Shape); !ok {
			errs = append(errs, fmt.Errorf("the tensor %s is missing", spec.GGUF))
		} else if !slices.Equal(t.Dims, want) {
			errs = append(errs, fmt.Errorf("%s has dims %v: the metadata wants %v", spec.GGUF, t.Dims, want))
		}
	}
	return model.JoinFirst(errs)
}
