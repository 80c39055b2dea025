package source

import "trit/setting"

// Options resolve what a model's files leave open. Where they leave something open, Open has
// an error that names the option which decides (see package setting).
type Options struct {
	Scale   Scale
	Weights Weights
	Threads int // that read; 0 is one for each processor
	// Set are KEY=VALUE pairs that go before what a folder's config.json says, as model.ParseHF
	// takes them.
	Set []string
}

// Scale is how the weight_scale of a packed folder is meant. The zero value is what config.json
// says.
type Scale string

// Values of Scale.
const (
	ScaleMultiply Scale = "multiply" // W = q * weight_scale
	ScaleDivide   Scale = "divide"   // W = q / weight_scale
)

// Weights is what the floating-point weights of projections are. The zero value is what the
// files say.
type Weights string

// Values of Weights.
const (
	WeightsMasters Weights = "masters" // master weights, to be quantised by their absmean
	WeightsTernary Weights = "ternary" // quantised already: 0 and one size
	WeightsFull    Weights = "full"    // of a model in full precision
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
