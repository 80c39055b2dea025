package source

import "trit/setting"

// Options say how to read a model whose files do not say it. If the files leave something open
// that an option decides, Open returns an error that names the option (see package setting).
type Options struct {
	Scale   Scale
	Weights Weights
	Threads int // number of threads that read; 0: one for each processor
	// Set holds KEY=VALUE pairs that take the place of what a folder's config.json says, as model.ParseHF
	// takes them.
	Set []string
}

// Scale is the rule by which the weight_scale of a packed folder applies. The zero value takes
// the rule of config.json.
type Scale string

// Values of Scale.
const (
	ScaleMultiply Scale = "multiply" // W = q * weight_scale
	ScaleDivide   Scale = "divide"   // W = q / weight_scale
)

// Weights is the kind of the floating-point weights of projections. The zero value takes the kind
// that the files say.
type Weights string

// Values of Weights.
const (
	WeightsMasters Weights = "masters" // master weights, to be quantised by their absmean
	WeightsTernary Weights = "ternary" // quantised already: 0 and values of one size
	WeightsFull    Weights = "full"    // weights of a model in full precision
)

// Fields of the options, as errors name them.
const (
	scaleField   = "source.Options.Scale"
	weightsField = "source.Options.Weights"
	setField     = "source.Options.Set"
)

// Validate refuses values that are none of the constants.
func (o Options) Validate() error {
	switch o.Scale {
	case "", ScaleMultiply, ScaleDivide:
	default:
		return setting.Invalid(scaleField, o.Scale, ScaleMultiply, ScaleDivide)
	}
	switch o.Weights {
	case "", WeightsMasters, WeightsTernary, WeightsFull:
	default:
		return setting.Invalid(weightsField, o.Weights, WeightsMasters, WeightsTernary, WeightsFull)
	}
	return nil
}
