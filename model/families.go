package model

import (
	"fmt"
	"slices"
	"strings"
)

// Family is a family of models that are published as Hugging Face folders of one form. Trainer
// and converter read all families; each has a file of its own in this package.
type Family struct {
	Title string // for people
	// Fits reports whether a folder is of this family, by its configuration and the names of
	// its tensors.
	Fits func(c *HFConfig, has func(name string) bool) bool
	// Rename turns the usual name of a tensor into the family's; nil if the family uses the usual
	// names.
	Rename func(name string) string
	// Apart are the parts of a folder that are no part of the model and are left out.
	Apart []Part
}

// Part is what a folder holds beside a model that is computed without it.
type Part struct {
	Prefix string // of the names of its tensors
	What   string // in words
}

// families in the order in which they are tried. The last one fits every folder.
var families = []*Family{&oneBitLLM, &qwen35Images, &qwen35, &embedding, &qwen, &miniCPM, &bitNet, &llama158, &llama}

// FamilyOf returns the family of a folder, by its configuration and the names of its tensors.
func FamilyOf(c *HFConfig, has func(name string) bool) *Family {
	i := slices.IndexFunc(families, func(f *Family) bool { return f.Fits(c, has) })
	return families[i]
}

// Name is the name of a tensor in a folder of this family; usual is its usual name.
func (f *Family) Name(usual string) string {
	if f.Rename == nil {
		return usual
	}
	return f.Rename(usual)
}

// PartOf is the part beside the model that a tensor belongs to.
func (f *Family) PartOf(name string) (Part, bool) {
	i := slices.IndexFunc(f.Apart, func(p Part) bool { return strings.HasPrefix(name, p.Prefix) })
	if i < 0 {
		return Part{}, false
	}
	return f.Apart[i], true
}

// Redundant reports whether a tensor without a place in the model can be ignored. Some folders
// hold a copy of the tied head, or the rotary angles, which are computed and not learnt.
func Redundant(name string) bool {
	return name == LMHead || strings.HasSuffix(name, "rotary_emb.inv_freq")
}

// Storage is how a Hugging Face folder stores its BitLinear weights.
type Storage int

// Forms of storage. The packed forms hold 2-bit codes q and a weight_scale s for each weight, and
// no master weights.
const (
	Masters        Storage = iota // master weights of any floating-point type, as training writes them
	PackedMultiply                // W = q * s
	PackedDivide                  // W = q / s
)

// String is the form in words.
func (s Storage) String() string {
	return [...]string{"master weights", "packed, W = q * weight_scale", "packed, W = q / weight_scale"}[s]
}

// Storage is the storage that quantization_config names.
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
