// Package packing says of the shape of a model alone which types of GGUF hold its weights, and which
// engines run the files. Trainer, converter and inspection ask it, so none of them has a list of its own.
//
// Source: the engines' sources, at the commits that docs/engines.md names.
package packing

import (
	"fmt"
	"slices"
	"strings"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/model"
	"trit/setting"
)

// Types of the projections: of models with ternary weights, and of models in full precision.
var (
	Ternary = []gguf.Type{gguf.I2_S, gguf.TQ1_0, gguf.TQ2_0}
	Full    = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0}

	// Grouped types hold a model in full precision whose weights are codes times a scale a group.
	Grouped = []gguf.Type{gguf.Q1_0, gguf.Q2_0, gguf.PQ2_0, gguf.PTQ1_0, gguf.TQ1_0, gguf.TQ2_0}
)

// TypesFor returns the types for a model: Ternary, Full, or those of Grouped that hold the groups in which
// it is trained, the type first that most engines read.
func TypesFor(c *model.Config) []gguf.Type {
	switch {
	case c.IsGrouped():
		return groupedFor(c)
	case c.Ternary:
		return Ternary
	}
	return Full
}

// Misfit is a size of a model that is the length of rows which a type cannot hold.
type Misfit struct {
	Key   string // of the size in config.json
	Size  int
	Block int  // the type holds rows of a multiple of it
	Pads  bool // a conversion can pad the size (convert.Options.Pad)
}

// String says what does not fit: "hidden_size is 128, no multiple of 256".
func (m Misfit) String() string {
	return fmt.Sprintf("%s is %d, no multiple of %d", m.Key, m.Size, m.Block)
}

// Misfits lists the sizes of a resolved model whose rows of projections the type cannot hold.
func Misfits(c *model.Config, t gguf.Type) (out []Misfit) {
	for _, spec := range c.Tensors() {
		if spec.Layer < 0 || len(spec.Shape) != 2 || model.IsConvolution(spec) {
			continue
		}
		if n := spec.Shape[1]; n%t.Block() != 0 {
			m := Misfit{Key: rowKey(c, spec), Size: n, Block: t.Block()}
			m.Pads = m.Key == "intermediate_size"
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// rowKey names the size in config.json that is the length of a projection's rows.
func rowKey(c *model.Config, spec model.TensorSpec) string {
	switch {
	case spec.Name == model.LayerTensor(spec.Layer, model.DownProj):
		return "intermediate_size"
	case spec.Name == model.LayerTensor(spec.Layer, model.OProj) && c.QDim() != c.HiddenSize:
		return "num_attention_heads * head_dim"
	case spec.Name == model.LayerTensor(spec.Layer, model.LinearOut):
		return "linear_num_value_heads * linear_value_head_dim"
	}
	return "hidden_size"
}

// Fit is a type that can hold a model.
type Fit struct {
	Type   gguf.Type
	Padded bool // only with its feed-forward size padded (convert.Options.Pad)
}

// Fits lists the types that can hold the projections of a resolved model.
func Fits(c *model.Config) (out []Fit) {
	for _, t := range TypesFor(c) {
		misfits := Misfits(c, t)
		if !slices.ContainsFunc(misfits, func(m Misfit) bool { return !m.Pads }) {
			out = append(out, Fit{Type: t, Padded: len(misfits) > 0})
		}
	}
	return out
}

// Check returns an error if a resolved model cannot be a GGUF file of any type. It names the keys of
// the configuration that are in the way.
func Check(c *model.Config) error {
	if err := ggufmeta.CheckShape(c); err != nil {
		return err
	}
	if len(Fits(c)) > 0 {
		return nil
	}
	return fmt.Errorf("no type of GGUF holds its rows: %s", strings.Join(rigid(c, TypesFor(c)), "; "))
}

// CheckType returns an error if the type cannot hold the projections of a resolved model. It names
// the option that helps.
func CheckType(c *model.Config, t gguf.Type) error {
	misfits := Misfits(c, t)
	if len(misfits) == 0 {
		return nil
	}
	if err := Check(c); err != nil {
		return fmt.Errorf("%w; a folder holds this model: name one, without .gguf", err)
	}
	for _, f := range Fits(c) {
		if f.Type == t {
			return setting.Needs("convert.Options.Pad", fmt.Sprintf("%s, and %s needs that", misfits[0], name(t)),
				"{convert.Options.Pad} pads it with units whose weights are 0")
		}
	}
	return setting.Needs("convert.Options.Type", fmt.Sprintf("%s, and %s needs that", misfits[0], name(t)),
		"{convert.Options.Type} "+string(TypeNames(Fits(c)))+" holds this model")
}

// rigid says which sizes keep a model out of every type of a list, padded or not.
func rigid(c *model.Config, types []gguf.Type) (out []string) {
	if len(types) == 0 {
		return []string{"no type there has " + c.ScaleWords()}
	}
	least := slices.MinFunc(types, func(a, b gguf.Type) int { return a.Block() - b.Block() })
	for _, m := range Misfits(c, least) {
		if !m.Pads {
			out = append(out, m.String())
		}
	}
	return out
}

// name writes a type as convert.Options.Type has it.
func name(t gguf.Type) string { return strings.ToLower(t.String()) }

// TypeNames writes types as convert.Options.Type has them: "i2_s, and tq1_0, tq2_0 with
// {convert.Options.Pad}".
func TypeNames(fits []Fit) setting.Note {
	var plain, padded []string
	for _, f := range fits {
		if f.Padded {
			padded = append(padded, name(f.Type))
		} else {
			plain = append(plain, name(f.Type))
		}
	}
	text := strings.Join(plain, ", ")
	if len(plain) > 0 && len(padded) > 0 {
		text += ", and "
	}
	if len(padded) > 0 {
		text += strings.Join(padded, ", ") + " with {convert.Options.Pad}"
	}
	return setting.Note(text)
}
