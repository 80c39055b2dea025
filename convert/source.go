package convert

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"trit/model"
	"trit/tokenizer"
)

// Reading resolves what a model's files leave open. An ambiguity is an error that names the
// flag which sets one of these.
type Reading struct {
	// Scale is how a packed folder's weight_scale is meant: ScaleMultiply, ScaleDivide, or ""
	// for what config.json says.
	Scale string
	// Weights is what the floating-point weights of projections are: WeightsMasters,
	// WeightsTernary, WeightsFull, or "" for what the files say.
	Weights string
}

// Values of Reading.
const (
	ScaleMultiply = "multiply" // W = q * weight_scale
	ScaleDivide   = "divide"   // W = q / weight_scale

	WeightsMasters = "masters" // latent weights, to be quantised by their absmean
	WeightsTernary = "ternary" // quantised already: 0 and one size
	WeightsFull    = "full"    // of a model in full precision
)

// Validate refuses other values.
func (r Reading) Validate() error {
	if r.Scale != "" && r.Scale != ScaleMultiply && r.Scale != ScaleDivide {
		return fmt.Errorf("--scale is %q: want %s or %s", r.Scale, ScaleMultiply, ScaleDivide)
	}
	if r.Weights != "" && r.Weights != WeightsMasters && r.Weights != WeightsTernary && r.Weights != WeightsFull {
		return fmt.Errorf("--weights is %q: want %s, %s or %s", r.Weights, WeightsMasters, WeightsTernary, WeightsFull)
	}
	return nil
}

// Source is a model that can be converted, compared and looked into: a Hugging Face folder
// of any family, a checkpoint of ours, or a GGUF file.
type Source struct {
	Path   string          // of the folder or file itself, where a run was named
	Form   string          // what it is, for people
	Config *model.HFConfig // in Hugging Face's terms, whatever it was read from
	Card   Card
	Notes  []string // what was assumed
	store  store
}

// store is where a source has its weights.
type store interface {
	// name is what the source calls a weight.
	name(spec model.TensorSpec) string
	// check reports a weight that is missing or has another shape than the configuration
	// wants; it reads no weight.
	check(spec model.TensorSpec) error
	// open prepares a weight to be read. Its rows are in Hugging Face's order.
	open(spec model.TensorSpec) (*tensor, error)
	// vocab is the tokenizer; without Tokens where there is none.
	vocab() (tokenizer.Vocab, error)
	Close() error
}

// Open opens a model and checks that all of its weights are there.
func Open(path string, r Reading) (*Source, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var s *Source
	switch {
	case info.IsDir():
		s, err = openFolder(path, r)
	case strings.HasSuffix(path, ".safetensors"):
		return nil, fmt.Errorf("%s: one file of weights is no model: name the folder, which holds config.json too", path)
	default:
		s, err = openGGUF(path, r)
	}
	if err != nil {
		return nil, err
	}
	if err = s.check(); err == nil && r.Scale == "" {
		err = s.checkScaleRule()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return s, nil
}

// Close gives the files back.
func (s *Source) Close() error { return s.store.Close() }

// folder is the folder that a source is, if it is one.
func (s *Source) folder() (*folder, bool) {
	st := s.store
	if p, ok := st.(*padded); ok {
		st = p.store
	}
	f, ok := st.(*folder)
	return f, ok
}

// maxProblems is how many faults a message names.
const maxProblems = 5

func (s *Source) check() error {
	var errs []error
	for _, spec := range s.Config.Tensors() {
		if err := s.store.check(spec); err != nil {
			errs = append(errs, err)
		}
	}
	return firstFew(errs)
}

// firstFew joins errors, of which only some are shown.
func firstFew(errs []error) error {
	if more := len(errs) - maxProblems; more > 0 {
		errs = append(errs[:maxProblems:maxProblems], fmt.Errorf("and %d more like these", more))
	}
	return errors.Join(errs...)
}

func (s *Source) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// eachTernary opens the ternary weights one after another.
func (s *Source) eachTernary(use func(spec model.TensorSpec, t *tensor) error) error {
	for _, spec := range s.Config.Tensors() {
		if !spec.Ternary {
			continue
		}
		t, err := s.store.open(spec)
		if err == nil {
			err = use(spec, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shape is a weight's rows and their length; a vector is one row.
func shape(spec model.TensorSpec) (rows, k int) {
	k = spec.Shape[len(spec.Shape)-1]
	return spec.Elements() / k, k
}

// plausible is how large a ternary weight may make its output, as the scale times the root
// of the row length: about 1 in models without sub-norms, up to some tens in those with
// them. What lies beyond these bounds while its inverse lies well inside is upside down.
const (
	leastGain, mostGain   = 1e-3, 500
	leastUsual, mostUsual = 1e-2, 100
)

// checkScaleRule refuses a packed folder whose scales make sense only the other way round.
func (s *Source) checkScaleRule() error {
	f, ok := s.folder()
	if !ok || f.storage == model.Masters {
		return nil
	}
	chosen, inverse, n := 0.0, 0.0, 0
	err := s.eachTernary(func(_ model.TensorSpec, t *tensor) error {
		root := math.Sqrt(float64(t.k))
		chosen += math.Log(float64(t.scale) * root)
		inverse += math.Log(root / float64(t.scale))
		n++
		return nil
	})
	if err != nil {
		return err
	}
	c, i := math.Exp(chosen/float64(n)), math.Exp(inverse/float64(n))
	if (c > mostGain || c < leastGain) && i > leastUsual && i < mostUsual {
		name, other := ScaleMultiply, ScaleDivide
		if f.storage == model.PackedDivide {
			name, other = other, name
		}
		return fmt.Errorf("config.json says that weights are codes %s by weight_scale, which makes outputs about %.3g times their inputs, while the other way makes them %.3g times: the scales look inverted; --scale %s or --scale %s says which way is right",
			map[string]string{ScaleMultiply: "multiplied", ScaleDivide: "divided"}[name], c, i, other, name)
	}
	return nil
}
