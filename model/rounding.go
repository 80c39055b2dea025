package model

import (
	"errors"
	"fmt"
)

// WeightScale says which weights of a BitLinear layer share a scale.
type WeightScale string

// Values of WeightScale; the empty one is ScaleTensor.
const (
	ScaleTensor   WeightScale = "tensor"
	ScaleRow      WeightScale = "row"
	ScaleGroup64  WeightScale = "group64"
	ScaleGroup128 WeightScale = "group128"
	ScaleGroup256 WeightScale = "group256"
)

// groupSizes are the columns of a row under a scale, as quant.Groups takes them.
var groupSizes = map[WeightScale]int{
	"": 0, ScaleTensor: 0, ScaleRow: -1, ScaleGroup64: 64, ScaleGroup128: 128, ScaleGroup256: 256,
}

// Group is the number of columns of a row under a scale, -1 for the row, 0 for the tensor; see
// quant.Groups.
func (s WeightScale) Group() int { return groupSizes[s] }

// IsGrouped reports whether the weights are rounded as files with a scale a group hold them, in half
// precision, and not as BitNet's: one scale a tensor, and activations rounded to int8.
func (c *Config) IsGrouped() bool {
	return c.Ternary && (c.WeightScale.Group() != 0 || c.FloatActivations || c.TernaryEmbedding)
}

// HasHalfScales reports whether scales are rounded to half precision.
func (c *Config) HasHalfScales() bool { return c.HalfScales || c.IsGrouped() }

// Values is the configuration of the model that the rounded weights make as numbers: one in full
// precision, whose weights happen to be codes times scales.
func (c Config) Values() Config { return c.RoundedAs(Config{}) }

// RoundedAs is the configuration with the rounding of another one.
func (c Config) RoundedAs(other Config) Config {
	c.Ternary, c.Sign, c.WeightScale, c.HalfScales = other.Ternary, other.Sign, other.WeightScale, other.HalfScales
	c.FloatActivations, c.TernaryEmbedding = other.FloatActivations, other.TernaryEmbedding
	return c
}

// ScaleWords says in words which weights share a scale.
func (c *Config) ScaleWords() string {
	switch g := c.WeightScale.Group(); {
	case g > 0:
		return fmt.Sprintf("a scale for each %d weights of a row", g)
	case g < 0:
		return "a scale a row"
	}
	return "one scale a tensor"
}

// floatWords says what else than the scales makes a model IsGrouped.
func (c *Config) floatWords() (words string) {
	if c.FloatActivations {
		words += ", float_activations true"
	}
	if c.TernaryEmbedding {
		words += ", ternary_embedding true"
	}
	return words
}

// methodOf is the quant_method of a model's quantization_config. transformers refuses tritMethod:
// its BitNet layers would compute another model.
func methodOf(c *Config) string {
	if c.IsGrouped() || c.OnlyTrit() != "" {
		return tritMethod
	}
	return "bitnet"
}

// ownMethod reports whether a quant_method is one of the model: that of ForTraining, or bitnet for layers of
// BitNet's kind.
func ownMethod(v any, c *Config) bool { return v == methodOf(c) || v == "bitnet" && !c.IsGrouped() }

// validateRounding refuses a rounding that the layers cannot do.
func (c *Config) validateRounding() error {
	group, known := groupSizes[c.WeightScale]
	if !known {
		return fmt.Errorf("weight_scale is %q: want %s, %s, %s, %s or %s", c.WeightScale, ScaleTensor, ScaleRow, ScaleGroup64,
			ScaleGroup128, ScaleGroup256)
	}
	var errs []error
	if !c.Ternary && *c != c.unrounded() {
		errs = append(errs, errors.New("weight_scale, half_scales, float_activations or ternary_embedding is set and "+
			"ternary false: they say how BitLinear rounds, so set ternary to true, or leave them out"))
	}
	for _, row := range []struct {
		key    string
		length int
	}{{"hidden_size", c.HiddenSize}, {"num_attention_heads * head_dim", c.QDim()}, {"intermediate_size", c.IntermediateSize}} {
		if group > 0 && row.length%group != 0 {
			errs = append(errs, fmt.Errorf("weight_scale is %s, but %s is %d, no multiple of %d: the groups of a row are whole",
				c.WeightScale, row.key, row.length, group))
		}
	}
	return errors.Join(errs...)
}

// unrounded is the configuration without what says how weights are rounded, but for Ternary and Sign.
func (c *Config) unrounded() Config {
	u := c.Values()
	u.Ternary, u.Sign = c.Ternary, c.Sign
	return u
}
