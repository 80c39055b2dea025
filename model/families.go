package model

import (
	"fmt"
	"slices"
	"strings"
)

// Family is a form in which models are published as Hugging Face folders. Trainer and
// converter read all of them; each has a file of its own.
type Family struct {
	Title string // for people
	// Fits reports whether a folder is of this family, by its configuration and the names of
	// its tensors.
	Fits func(c *HFConfig, has func(name string) bool) bool
	// Rename is what the family calls a tensor; nil where it uses the usual names.
	Rename func(name string) string
}

// families in the order in which they are tried; the last one takes all others.
var families = []*Family{&oneBitLLM, &embedding, &qwen, &bitNet, &llama158, &llama}

// FamilyOf finds the family of a folder.
func FamilyOf(c *HFConfig, has func(name string) bool) *Family {
	i := slices.IndexFunc(families, func(f *Family) bool { return f.Fits(c, has) })
	return families[i]
}

// Name is what a folder of this family calls a tensor.
func (f *Family) Name(usual string) string {
	if f.Rename == nil {
		return usual
	}
	return f.Rename(usual)
}

// Redundant reports whether a tensor is one that some folders hold and no model needs: a tied
// head once more, and angles that are computed, not learnt.
func Redundant(name string) bool {
	return name == LMHead || strings.HasSuffix(name, "rotary_emb.inv_freq")
}

// Storage is how a Hugging Face folder stores its BitLinear weights.
type Storage int

// Masters are master weights of any float type, as training leaves them. The packed forms are
// 2-bit codes q with a weight_scale s each, and no master weights.
const (
	Masters        Storage = iota
	PackedMultiply         // W = q * s
	PackedDivide           // W = q / s
)

// String is the form in words.
func (s Storage) String() string {
	return [...]string{"master weights", "packed, W = q * weight_scale", "packed, W = q / weight_scale"}[s]
}

// Storage reads the quantization_config.
func (c *HFConfig) Storage() (Storage, error) {
	q := c.QuantizationConfig
	switch {
	case !c.Ternary || q == nil || q.QuantizationMode == "online":
		return Masters, nil
	case q.LinearClass == "autobitlinear" && q.QuantizationMode == "offline":
		return PackedMultiply, nil
	case q.LinearClass == "" || q.LinearClass == "bitlinear":
		return PackedDivide, nil
	}
	return 0, fmt.Errorf("config.json: quantization_config has linear_class %q and quantization_mode %q: "+
		"want autobitlinear with online or offline, or bitlinear", q.LinearClass, q.QuantizationMode)
}
