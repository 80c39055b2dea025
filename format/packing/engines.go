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
	ternary  string // remark on TQ1_0 and TQ2_0 of a model in full precision
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
	basis         bool        // it computes rotated bases
	int4          bool        // it rounds activations to 4 bits
	projNorms     bool        // it knows norms before single projections
	anyShape      bool        // its architecture bitnet has none of the limits of llama.cpp's
	projBias      bool        // it loads biases behind the seven projections of architecture llama
	softCap       bool        // it reads the bound of the logits
	plainRotary   bool        // it loads factors for llama and minicpm alone, and partial heads for neither, nor for qwen3
}

var rules = []rule{
	{
		name:          "trit",
		architectures: []string{ggufmeta.BitNet158, ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3, ggufmeta.Qwen35, ggufmeta.MiniCPM},
		ternary:       Ternary, grouped: Grouped, basis: true, int4: true, projNorms: true, anyShape: true, softCap: true, projBias: true,
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
		ternary:       []gguf.Type{gguf.I2_S}, remark: "its llama-quantize must make iq2_bn of it first", projBias: true,
	},
	{
		name:          "llama.cpp",
		architectures: []string{ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3, ggufmeta.Qwen35, ggufmeta.MiniCPM},
		ternary:       []gguf.Type{gguf.TQ1_0, gguf.TQ2_0}, plainRotary: true, projBias: true,
		grouped: []gguf.Type{gguf.Q1_0, gguf.Q2_0, gguf.TQ1_0, gguf.TQ2_0},
	},
	{
		name:          "Ollama",
		architectures: []string{ggufmeta.BitNet, ggufmeta.Llama, ggufmeta.Qwen3, ggufmeta.MiniCPM},
		ternary:       []gguf.Type{gguf.TQ1_0, gguf.TQ2_0}, plainRotary: true, projBias: true,
		grouped: []gguf.Type{gguf.TQ1_0, gguf.TQ2_0},
		remark:  "its versions since 0.31.2 refuse these types",
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
	switch {
	case c.IsGrouped():
		types = slices.DeleteFunc(types, func(t gguf.Type) bool { return !slices.Contains(r.grouped, t) })
	case c.Ternary:
		types = r.ternary
	default:
		e.grouped, e.ternary = r.grouped, r.remark
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
	architecture := ggufmeta.Base(ggufmeta.Architecture(c))
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
	if (c.Basis != nil || c.HadamardBlock != 0) && !r.basis {
		out = append(out, r.rotated(c, architecture))
	}
	if c.Int4Activations && !r.int4 {
		out = append(out, fmt.Sprintf("activations have 4 bits (int4_activations), which is not computed there (no "+
			"architecture %s)", ggufmeta.Architecture(c)))
	}
	if c.ProjNorms && !r.projNorms {
		out = append(out, "proj_norms is true, and there are no norms before single projections there")
	}
	if c.FinalLogitSoftcapping != 0 && !r.softCap {
		out = append(out, fmt.Sprintf("final_logit_softcapping is %g, which is not read for architecture %s there: the "+
			"likeliest token would be the same, its probability another", c.FinalLogitSoftcapping, architecture))
	}
	if (c.ProjBias || c.DeadzoneBias != 0) && !r.projBias {
		out = append(out, "there is a bias behind each projection (deadzone_bias), which is not known to be loaded there")
	}
	if r.plainRotary {
		out = append(out, rotary(c, architecture)...)
	}
	return out
}

// rotated is the problem of a rotated basis. An engine leaves out its keys, but refuses an architecture that it does
// not know, such as all with activations of 4 bits.
func (r rule) rotated(c *model.Config, architecture string) string {
	problem := "the weights are in a rotated basis (prism.hadamard), which is not undone there"
	if !slices.Contains(r.architectures, architecture) || c.Int4Activations && !r.int4 {
		return problem
	}
	return problem + ", and no error says so"
}

// rotary is what llama.cpp does not load of the rotary embedding for an architecture.
func rotary(c *model.Config, architecture string) (out []string) {
	if factors := ggufmeta.RotaryTensors(c); !ggufmeta.Interleaved(architecture) && len(factors) > 0 {
		out = append(out, fmt.Sprintf("the rotary scaling stands in the tensor %s, which architecture %s "+
			"does not load there", factors[0].Name, architecture))
	}
	isPart := c.RotaryDim() < c.HeadDim
	if isPart && (ggufmeta.Interleaved(architecture) || architecture == ggufmeta.Qwen3) {
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
	if architecture == ggufmeta.MiniCPM {
		return "architecture minicpm was not tried there"
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

// Readers says who reads a GGUF file of a model whose projections have the given type: "q2_0 runs on trit,
// llama.cpp, not on bitnet.cpp".
func Readers(c *model.Config, t gguf.Type) setting.Note {
	var runs, others []string
	for _, e := range Engines(c) {
		if text := e.against(t); text == "" || strings.HasPrefix(text, butRuns) {
			runs = append(runs, e.Name)
		} else {
			others = append(others, e.Name)
		}
	}
	note := fmt.Sprintf("%s runs on %s", name(t), strings.Join(runs, ", "))
	if len(others) > 0 {
		note += ", not on " + strings.Join(others, ", ")
	}
	return setting.Note(note)
}

// butRuns begins what is said against an engine that runs a file all the same.
const butRuns = "runs it, but "

// against is what the engine has against a file of a type, "" for nothing.
func (e Engine) against(t gguf.Type) string {
	switch {
	case len(e.Fits) == 0:
		return "cannot run this model: " + strings.Join(e.Problems, "; ")
	case slices.Contains(e.grouped, t) && (e.ternary == "" || !t.IsTernary()):
		return ""
	case slices.Contains(e.grouped, t):
		return butRuns + e.ternary
	case slices.ContainsFunc(e.Fits, func(f Fit) bool { return f.Type == t }):
		if e.Remark == "" {
			return ""
		}
		return butRuns + e.Remark
	}
	return fmt.Sprintf("cannot read %s: convert with {convert.Options.Type} %s", name(t), e.Text())
}
