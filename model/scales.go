package model

import (
	"fmt"
	"math"
	"strconv"
)

// miniCPMType is the model_type of MiniCPM.
const miniCPMType = "minicpm"

// HasScales reports whether the model is a MiniCPM (Hu et al. 2024, arXiv:2404.06395): a Llama whose
// embedding, blocks and logits are scaled, so that widths and depths can share their settings.
func (c *Config) HasScales() bool { return c.ScaleEmb != 0 }

// EmbeddingScale is what the rows of the embedding are multiplied by.
func (c *Config) EmbeddingScale() float64 {
	if !c.HasScales() {
		return 1
	}
	return c.ScaleEmb
}

// ResidualScale is what the output of attention and of feed-forward layers is multiplied by before it
// is added to the residual stream.
func (c *Config) ResidualScale() float64 {
	if !c.HasScales() {
		return 1
	}
	return c.ScaleDepth / math.Sqrt(float64(c.NumHiddenLayers))
}

// LogitScale is what the logits are divided by.
func (c *Config) LogitScale() float64 {
	if !c.HasScales() {
		return 1
	}
	return float64(c.HiddenSize) / c.DimModelBase
}

// SetScales sets the three keys of MiniCPM so that the scales are these values of float32, in which
// GGUF files hold them; each key is the number of fewest digits for it. The layers and the hidden size
// are known already, and the values are positive.
func (c *Config) SetScales(embedding, residual, logit float32) {
	c.ScaleEmb = fewestDigits(float64(embedding), embedding, func(v float64) float64 { return v })
	root := math.Sqrt(float64(c.NumHiddenLayers))
	c.ScaleDepth = fewestDigits(float64(residual)*root, residual, func(v float64) float64 { return v / root })
	width := float64(c.HiddenSize)
	c.DimModelBase = fewestDigits(width/float64(logit), logit, func(v float64) float64 { return width / v })
}

// fewestDigits is the number of fewest digits near v that a function makes want of, in float32; v
// itself where there is none.
func fewestDigits(v float64, want float32, of func(float64) float64) float64 {
	for digits := 1; digits <= 17; digits++ {
		short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
		if err == nil && float32(of(short)) == want {
			return short
		}
	}
	return v
}

// validateScales reports the keys of MiniCPM that make no scale.
func (c *Config) validateScales() (errs []error) {
	if c.ScaleEmb == 0 && c.ScaleDepth == 0 && c.DimModelBase == 0 {
		return nil
	}
	for _, k := range []struct {
		name         string
		value, scale float64
	}{
		{"scale_emb", c.ScaleEmb, c.ScaleEmb}, {"scale_depth", c.ScaleDepth, c.ResidualScale()},
		{"dim_model_base", c.DimModelBase, c.LogitScale()},
	} {
		if s := float32(k.scale); !(k.value > 0 && s > 0) || math.IsInf(float64(s), 0) {
			errs = append(errs, fmt.Errorf("%s is %g: MiniCPM's scale_emb, scale_depth and dim_model_base are positive "+
				"numbers, and other models have none of them", k.name, k.value))
		}
	}
	if c.SubNorms || c.QKNorm || c.ProjNorms {
		errs = append(errs, fmt.Errorf("scale_emb is %g beside norms that MiniCPM does not have: set sub_norms, qk_norm and "+
			"proj_norms to false", c.ScaleEmb))
	}
	return errs
}

// takeScales takes the keys of MiniCPM, which checkKeys refuses in other classes.
func (c *HFConfig) takeScales(keys map[string]any) error {
	if c.ModelType != miniCPMType {
		return nil
	}
	for name, value := range map[string]*float64{
		"scale_emb": &c.ScaleEmb, "scale_depth": &c.ScaleDepth, "dim_model_base": &c.DimModelBase,
	} {
		v, ok := number(keys[name])
		if !ok || !(v > 0) {
			return fmt.Errorf("%s is %s: want a positive number", name, shown(keys[name]))
		}
		*value = v
	}
	return nil
}
