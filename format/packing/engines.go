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

// Engine is an engine, and how it runs a model.
type Engine struct {
	Name     string
	Fits     []Fit    // the types of GGUF in which it runs the model; none: it does not
	Remark   string   // what a user must know beside, or ""
	Problems []string // why it does not run the model: all that must change
	grouped  []gguf.Type
}

// Text says how the engine runs the model: "i2_s; REMARK" or "no: PROBLEM; PROBLEM".
func (e Engine) Text() setting.Note {
	switch {
	case len(e.Fits) == 0:
		return setting.Note("no: " + strings.Join(e.Problems, "; "))
	case e.Remark != "":
		return TypeNames(e.Fits) + setting.Note("; "+e.Remark)
	}
	return TypeNames(e.Fits)
}

// rule is what the sources of an engine say of it.
type rule struct {
	name          string
	architectures []string    // that it knows, of those that are written
	ternary       []gguf.Type // that it reads
	grouped       []gguf.Type // of Grouped, that it reads
	remark        string      // on ternary weights
	relu2         string      // remark on architecture bitnet-b1.58
	projNorms     bool        // it knows norms before single projections
	anyShape      bool        // its architecture bitnet has none of the limits of llama.cpp's
	plainRotary   bool        // it loads factors for llama alone, and partial heads for neither llama nor qwen3
}

var rules = []rule{
	{
		name:          "trit",
		architectures: []string{ggufmeta.BitNet158, ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3, ggufmeta.Qwen35},
		ternary:       Ternary, grouped: Grouped, projNorms: true, anyShape: true,
	},
	{
		name:          "bitnet.cpp",
		architectures: []string{ggufmeta.BitNet158, ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3},
		ternary:       []gguf.Type{gguf.I2_S}, projNorms: true,
		relu2: "its versions since July 2026 compute silu in the place of relu2 (microsoft/BitNet issue 588)",
	},
	{
		name:          "ik_llama.cpp",
		architectures: []string{ggufmeta.BitNet158, ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3},
		ternary:       []gguf.Type{gguf.I2_S}, remark: "its llama-quantize must make iq2_bn of it first",
	},
	{
		name:          "llama.cpp",
		architectures: []string{ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3, ggufmeta.Qwen35},
		ternary:       []gguf.Type{gguf.TQ1_0, gguf.TQ2_0}, plainRotary: true,
		grouped: []gguf.Type{gguf.Q1_0, gguf.Q2_0, gguf.TQ1_0, gguf.TQ2_0},
	},
	{
		name:          "Ollama",
		architectures: []string{ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3},
		ternary:       []gguf.Type{gguf.TQ1_0, gguf.TQ2_0}, plainRotary: true,
		remark: "its versions since 0.31.2 refuse these types",
	},
}

// Engines says of a resolved model which engines run it, and why the others do not.
func Engines(c *model.Config) (out []Engine) {
	for _, r := range rules {
		out = append(out, r.on(c))
	}
	return out
}

// on applies the rule to a model.
func (r rule) on(c *model.Config) Engine {
	e := Engine{Name: r.name, Problems: r.problems(c)}
	types := TypesFor(c)
	if c.Ternary {
		types = r.ternary
	} else {
		e.grouped = r.grouped
	}
	fits := slices.DeleteFunc(Fits(c), func(f Fit) bool { return !slices.Contains(types, f.Type) })
	if len(fits) == 0 {
		e.Problems = append(e.Problems, rigid(c, types)...)
	}
	if len(e.Problems) > 0 {
		return e
	}
	e.Fits = fits
	if c.Ternary {
		e.Remark = r.remark
	}
	if ggufmeta.Architecture(c) == ggufmeta.BitNet158 && r.relu2 != "" {
		e.Remark = r.relu2
	}
	return e
}

// problems are the parts of a model that the engine does not know.
func (r rule) problems(c *model.Config) (out []string) {
	if err := ggufmeta.CheckShape(c); err != nil {
		return []string{err.Error()}
	}
	architecture := ggufmeta.Architecture(c)
	isBitNet := architecture == ggufmeta.BitNet && !r.anyShape
	if !slices.Contains(r.architectures, architecture) {
		out = append(out, unknown(architecture))
	}
	if isBitNet && c.QDim() != c.HiddenSize {
		out = append(out, fmt.Sprintf("num_attention_heads * head_dim is %d, and architecture bitnet wants hidden_size "+
			"there, %d", c.QDim(), c.HiddenSize))
	}
	if isBitNet && !c.TieWordEmbeddings {
		out = append(out, "tie_word_embeddings is false, and architecture bitnet has no head of its own there")
	}
	if c.ProjNorms && !r.projNorms {
		out = append(out, "proj_norms is true, and there are no norms before single projections there")
	}
	if r.plainRotary {
		out = append(out, rotary(c, architecture)...)
	}
	return out
}

// rotary is what llama.cpp does not load of the rotary embedding for an architecture.
func rotary(c *model.Config, architecture string) (out []string) {
	if factors := ggufmeta.RotaryTensors(c); architecture != ggufmeta.Llama && len(factors) > 0 {
		out = append(out, fmt.Sprintf("the rotary scaling stands in the tensor %s, which architecture %s "+
			"does not load there", factors[0].Name, architecture))
	}
	isPart := c.RotaryDim() < c.HeadDim
	if isPart && (architecture == ggufmeta.Llama || architecture == ggufmeta.Qwen3) {
		out = append(out, fmt.Sprintf("the rotary embedding turns %d of the %d values of a head, which architecture %s "+
			"does not load there", c.RotaryDim(), c.HeadDim, architecture))
	}
	return out
}

// unknown is the problem of an architecture that an engine does not know.
func unknown(architecture string) string {
	if architecture == ggufmeta.BitNet158 {
		return "hidden_act is relu2, and silu alone runs there (no architecture bitnet-b1.58)"
	}
	return "no architecture " + architecture + " there"
}

// Warnings names what the engines have against a GGUF file of a model whose projections have the
// given type, and the type that they want, or what is in their way in every type.
func Warnings(c *model.Config, t gguf.Type) (out []setting.Note) {
	var texts []string
	engines := map[string][]string{} // by text
	for _, e := range Engines(c) {
		text := e.against(t)
		if text == "" {
			continue
		}
		if engines[text] == nil {
			texts = append(texts, text)
		}
		engines[text] = append(engines[text], e.Name)
	}
	for _, text := range texts {
		out = append(out, setting.Note(strings.Join(engines[text], ", ")+" "+text))
	}
	return out
}

// against is what the engine has against a file of a type, "" for nothing.
func (e Engine) against(t gguf.Type) string {
	switch {
	case len(e.Fits) == 0:
		return "cannot run this model: " + strings.Join(e.Problems, "; ")
	case slices.Contains(e.grouped, t):
		return ""
	case slices.ContainsFunc(e.Fits, func(f Fit) bool { return f.Type == t }):
		if e.Remark == "" {
			return ""
		}
		return "runs it, but " + e.Remark
	}
	return fmt.Sprintf("cannot read %s: convert with {convert.Options.Type} %s", name(t), e.Text())
}
