package convert

import (
	"fmt"
	"slices"
	"strings"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/setting"
)

// Options say how to read a model and what to write. Errors name them by their fields (see
// package setting).
type Options struct {
	source.Options
	Type          Type // of the projections
	EmbeddingType Type // of embedding and head
	Pad           bool // GGUF: pad the feed-forward size to a multiple that Type can hold
	ExactScales   bool // TQ1_0 and TQ2_0: keep exact scales for every architecture, see ggufmeta.SplitScale
	// Rotate puts all matrices in a rotated basis (model.Basis) of blocks of so many values; 0: none. It is for
	// models in full precision, and GGUF files of PrismML's kind.
	Rotate     int
	Unrotate   bool // turn weights in a rotated basis back
	Overwrite  bool // replace an existing file or folder
	SkipVerify bool // do not read the result again and compare it with the source
	// Announce is called before a GGUF file is begun with who reads its type; or nil.
	Announce func(setting.Note)
	// Progress is called with the bytes that are written so far, or the weights that are
	// compared, and their total; or nil.
	Progress func(stage string, done, total int64)
}

// Type is a type of weights, by its name in upper or lower case. The zero value takes the type
// that suits the model (see Convert).
type Type string

// Types of the projections. Ternary models have I2S, TQ1, TQ2 in GGUF files and Packed in
// folders, and the floating-point types in folders for their master weights. Embedding and
// head have floating-point types, and in GGUF files the quantized ones.
const (
	I2S    Type = "i2_s"
	TQ1    Type = "tq1_0"
	TQ2    Type = "tq2_0"
	Packed Type = "packed" // 2-bit codes, and a tensor for the scale
	F32    Type = "f32"
	F16    Type = "f16"
	BF16   Type = "bf16"
	Q8     Type = "q8_0"
	Q6     Type = "q6_k"
	Q4     Type = "q4_0"
)

// Types with a scale for each group of a row, for models in full precision whose weights are a code
// times a scale already: nothing is rounded to them. TQ1 and TQ2 serve as such too.
const (
	Q1   Type = "q1_0"   // signs, groups of 128
	Q2   Type = "q2_0"   // groups of 64
	PQ2  Type = "pq2_0"  // groups of 128
	PTQ1 Type = "ptq1_0" // groups of 128, 1.75 bits a weight
)

// is reports whether t is the type other.
func (t Type) is(other Type) bool { return strings.EqualFold(string(t), string(other)) }

// among returns the type of types that t names. Its error names the option field, which holds t,
// followed by what, which says what the types are for.
func (t Type) among(types []gguf.Type, field, what string) (gguf.Type, error) {
	if typ, err := gguf.ParseType(string(t)); err == nil && slices.Contains(types, typ) {
		return typ, nil
	}
	names := make([]string, len(types))
	for i, typ := range types {
		names[i] = strings.ToLower(typ.String())
	}
	return 0, &setting.Error{Field: field, Problem: fmt.Sprintf("{%s}%s is %q", field, what, string(t)),
		Wanted: "one of " + strings.Join(names, ", ")}
}

// Fields of the options, as errors name them.
const (
	typeField      = "convert.Options.Type"
	embeddingField = "convert.Options.EmbeddingType"
	padField       = "convert.Options.Pad"
	rotateField    = "convert.Options.Rotate"
	unrotateField  = "convert.Options.Unrotate"
	overwriteField = "convert.Options.Overwrite"
)
