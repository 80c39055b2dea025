// Package ggufmeta is how a model's hyper-parameters and its tokenizer stand in the
// metadata of a GGUF file, both ways: convert writes them, convert and infer read them.
//
// Source: the GGUF specification, and the keys that bitnet.cpp reads.
package ggufmeta

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trit/format/gguf"
	"trit/model"
)

// Architectures that are read; all but llama and minicpm rotate halves of a head, as Hugging Face does.
const (
	BitNet158 = "bitnet-b1.58" // microsoft/bitnet-b1.58-2B-4T: sub-norms, relu squared
	BitNet25  = "bitnet-25"    // the same under an older name
	BitNet    = "bitnet"       // 1bitLLM: sub-norms, SiLU
	Llama     = "llama"        // no sub-norms; query and key rows are permuted
	Qwen3     = "qwen3"        // norms of query and key heads, and in BitNet embedding models before each projection
	MiniCPM   = "minicpm"      // llama with scales of embedding, blocks and logits
	Qwen35    = "qwen35"       // a hybrid: gated delta nets, and attention with an output gate
)

var architectures = []string{BitNet158, BitNet25, BitNet, Llama, Qwen3, MiniCPM, Qwen35}

// fourBits ends the name of an architecture whose layers round activations to 4 bits (model.Config's
// Int4Activations). GGUF has no key for that, and an engine that leaves out a key of this project's would round to 8
// bits and say nothing; no other engine loads an architecture that it does not know.
const fourBits = "-a4"

// Base is an architecture without what its name says of activations.
func Base(architecture string) string { return strings.TrimSuffix(architecture, fourBits) }

// Interleaved reports whether an architecture rotates adjacent values of a head; the rows of query and
// key projections stand in that order in its files.
func Interleaved(architecture string) bool {
	base := Base(architecture)
	return base == Llama || base == MiniCPM
}

// Architecture is GGUF's name for the shape of a model, or this project's where activations have 4 bits.
func Architecture(c *model.Config) string {
	if c.Int4Activations {
		return blocks(c) + fourBits
	}
	return blocks(c)
}

// blocks is GGUF's name for the blocks of a model.
func blocks(c *model.Config) string {
	switch {
	case c.IsHybrid():
		return Qwen35
	case c.QKNorm:
		return Qwen3
	case c.HasScales():
		return MiniCPM
	case !c.SubNorms:
		return Llama
	case c.HiddenAct == model.ReLU2:
		return BitNet158
	}
	return BitNet
}

// CheckShape returns an error if a model has parts that no architecture of GGUF has together. The
// reader of such a file would take it for another model.
func CheckShape(c *model.Config) error {
	if act := activation(Architecture(c)); act != c.HiddenAct {
		return fmt.Errorf("hidden_act is %s: no architecture of GGUF has it without sub_norms: set hidden_act to %s, "+
			"or sub_norms to true", c.HiddenAct, act)
	}
	if c.SubNorms && c.QKNorm {
		return fmt.Errorf("sub_norms and qk_norm are true: no architecture of GGUF has both: set one of them to false")
	}
	if c.ProjNorms && !c.QKNorm {
		return fmt.Errorf("proj_norms is true and qk_norm false: no architecture of GGUF has the one without the other")
	}
	return checkVariants(c)
}

// activation is the activation that an architecture stands for.
func activation(architecture string) string {
	if base := Base(architecture); base == BitNet158 || base == BitNet25 {
		return model.ReLU2
	}
	return model.SiLU
}

// PermutedHeads is the number of heads of a weight whose rows stand in another order in a
// GGUF file: the query and key projections of an interleaved architecture, where the two halves of
// what is turned of each head alternate. It is 0 for all others.
func PermutedHeads(architecture string, c *model.Config, spec model.TensorSpec) int {
	switch {
	case !Interleaved(architecture) || spec.Layer < 0:
		return 0
	case isOf(spec, model.QProj):
		return c.NumAttentionHeads
	case isOf(spec, model.KProj):
		return c.NumKeyValueHeads
	}
	return 0
}

// isOf reports whether a tensor is the weight of a projection, or its bias.
func isOf(spec model.TensorSpec, projection string) bool {
	return spec.Name == model.LayerTensor(spec.Layer, projection) ||
		spec.Name == model.LayerTensor(spec.Layer, model.ProjBias(projection))
}

// AlternatingRow returns the function from a row in the order of GGUF files, of a weight with
// PermutedHeads, to its row in Hugging Face's order. Of each head, the first rows alone alternate,
// as many as rotary embedding turns.
func AlternatingRow(rows, heads, turned int) func(int) int {
	head := rows / heads
	return func(row int) int {
		i := row % head
		if i >= turned {
			return row
		}
		return row - i + i%2*(turned/2) + i/2
	}
}

// HalvedRow is the inverse of AlternatingRow.
func HalvedRow(rows, heads, turned int) func(int) int {
	head := rows / heads
	return func(row int) int {
		i := row % head
		if i >= turned {
			return row
		}
		return row - i + i%(turned/2)*2 + i/(turned/2)
	}
}

// countKeys are the keys of whole numbers, behind the architecture's name.
func countKeys(c *model.Config) []countKey {
	return []countKey{
		{"context_length", &c.MaxPositionEmbeddings, true}, {"embedding_length", &c.HiddenSize, true}, {"block_count", &c.NumHiddenLayers, true},
		{"feed_forward_length", &c.IntermediateSize, true}, {"attention.head_count", &c.NumAttentionHeads, true},
		{"attention.head_count_kv", &c.NumKeyValueHeads, false},
	}
}

type countKey struct {
	key      string
	value    *int
	required bool
}

// WriteConfig enters the hyper-parameters. The factors of rotary embedding that stand in tensors
// are those of RotaryTensors. A model that CheckShape refuses is an error.
func WriteConfig(m *gguf.Metadata, architecture string, c *model.Config) error {
	if err := CheckShape(c); err != nil {
		return err
	}
	if c.DeadzoneBias != 0 {
		return fmt.Errorf("deadzone_bias is %g: its biases are made of master weights, and there are none", c.DeadzoneBias)
	}
	m.Set("general.architecture", architecture)
	for _, k := range countKeys(c) {
		m.Set(architecture+"."+k.key, uint32(*k.value))
	}
	m.Set(architecture+".rope.dimension_count", uint32(c.RotaryDim()))
	for _, key := range []string{"attention.key_length", "attention.value_length"} {
		m.Set(architecture+"."+key, uint32(c.HeadDim))
	}
	m.Set(architecture+".vocab_size", uint32(c.VocabSize))
	m.Set(architecture+".attention.layer_norm_rms_epsilon", float32(c.RMSNormEps))
	writeScales(m, architecture, c)
	if c.FinalLogitSoftcapping != 0 {
		m.Set(architecture+softCapKey, float32(c.FinalLogitSoftcapping))
	}
	if architecture == Qwen35 {
		writeHybrid(m, c)
	}
	writeBasis(m, c)
	return writeRotary(m, architecture, c)
}

// readConfig takes the shape of the model from the metadata and from what tensors there are.
func readConfig(f *gguf.File) (c model.Config, architecture string, err error) {
	architecture, _ = f.Metadata.String("general.architecture")
	if !slices.Contains(architectures, Base(architecture)) {
		return c, architecture, fmt.Errorf("general.architecture is %q: want one of %v, "+
			"with %s behind it where activations have 4 bits", architecture, architectures, fourBits)
	}
	c.Int4Activations = Base(architecture) != architecture
	for _, k := range countKeys(&c) {
		_, present := f.Metadata.Get(architecture + "." + k.key)
		v, ok := f.Metadata.Uint(architecture + "." + k.key)
		if (k.required || present) && !ok || v > 1<<30 {
			return c, architecture, fmt.Errorf("the key %s.%s is missing or out of range: convert the model again",
				architecture, k.key)
		}
		*k.value = int(v)
	}
	if err := readHeadDim(f, architecture, &c); err != nil {
		return c, architecture, err
	}
	if err := readRotaryDim(&f.Metadata, architecture, &c); err != nil {
		return c, architecture, err
	}
	if architecture == Qwen35 {
		if err := readHybrid(&f.Metadata, &c); err != nil {
			return c, architecture, err
		}
	}
	numbers := map[string]*float64{"attention.layer_norm_rms_epsilon": &c.RMSNormEps, "rope.freq_base": &c.RopeTheta}
	for key, value := range numbers {
		if err := readPositive(&f.Metadata, architecture+"."+key, value); err != nil {
			return c, architecture, err
		}
	}
	if c.RMSNormEps == 0 {
		return c, architecture, fmt.Errorf("the key %s.attention.layer_norm_rms_epsilon is missing, which results depend "+
			"on: convert the model again", architecture)
	}
	if err := errors.Join(readScales(&f.Metadata, architecture, &c),
		readSoftCap(&f.Metadata, architecture+softCapKey, &c)); err != nil {
		return c, architecture, err
	}
	return c, architecture, completeByTensors(&c, architecture, f)
}

// shortest is the number of fewest digits that is v in float32, in which files hold it: 1e-05
// rather than 9.999999747378752e-06.
func shortest(v float64) float64 {
	s, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
	if err != nil {
		return v
	}
	return s
}

// readPositive reads a number, where the key is there; 0 and what is no number must not
// pass for a key that is missing, which has a default.
func readPositive(m *gguf.Metadata, key string, value *float64) error {
	found, present := m.Get(key)
	if !present {
		return nil
	}
	v, ok := m.Float(key)
	if !ok || !(v > 0) {
		return fmt.Errorf("the key %s is %v: want a positive number", key, found)
	}
	*value = shortest(v)
	return nil
}

// completeByTensors fills in what the tensors tell.
func completeByTensors(c *model.Config, architecture string, f *gguf.File) error {
	embedding, ok := f.Tensor("token_embd.weight")
	if !ok || len(embedding.Dims) != 2 {
		return fmt.Errorf("the tensor token_embd.weight is missing or no matrix: convert the model again")
	}
	c.VocabSize = int(embedding.Dims[1])
	if err := readNorms(f, architecture, c); err != nil {
		return err
	}
	readBiases(f, architecture, c)
	_, untied := f.Tensor("output.weight")
	c.TieWordEmbeddings = !untied
	q, _ := f.Tensor("blk.0.attn_q.weight")
	if c.Ternary = hasOneScale(f, architecture, q); c.Int4Activations && !c.Ternary {
		return fmt.Errorf("general.architecture is %s, whose layers are ternary, but %s is %s: convert the model again",
			architecture, q.Name, q.Type)
	}
	c.HiddenAct = activation(architecture)
	if err := readRotary(f, architecture, c); err != nil {
		return err
	}
	c.Resolve()
	return c.Validate()
}

// hasOneScale reports whether a weight is ternary with one scale, as in BitNet models. Blocks of
// TQ1_0 and TQ2_0 may have a scale each, in models of other architectures.
func hasOneScale(f *gguf.File, architecture string, t gguf.TensorInfo) bool {
	if t.Type == gguf.I2_S || !t.Type.IsTernary() || strings.HasPrefix(architecture, BitNet) {
		return t.Type.IsTernary()
	}
	_, err := gguf.BlockScale(t.Type, f.Data(t))
	return err == nil
}

// readHeadDim takes the head dimension from the keys of keys and values, which must be the same.
func readHeadDim(f *gguf.File, architecture string, c *model.Config) error {
	for _, key := range []string{"attention.key_length", "attention.value_length"} {
		found, present := f.Metadata.Get(architecture + "." + key)
		v, ok := f.Metadata.Uint(architecture + "." + key)
		switch {
		case !present:
		case !ok:
			return fmt.Errorf("the key %s.%s is %v: want a number", architecture, key, found)
		case c.HeadDim == 0 && v <= 1<<24:
			c.HeadDim = int(v)
		case v != uint64(c.HeadDim):
			return fmt.Errorf("the key %s.%s is %d: want the head dimension %d",
				architecture, key, v, c.HeadDim)
		}
	}
	return nil
}

// readNorms finds out which norms the model has beside the usual two of a block.
func readNorms(f *gguf.File, architecture string, c *model.Config) error {
	_, c.SubNorms = f.Tensor("blk.0.attn_sub_norm.weight")
	_, c.QKNorm = f.Tensor("blk.0.attn_q_norm.weight")
	c.ProjNorms = slices.ContainsFunc(f.Tensors,
		func(t gguf.TensorInfo) bool { return strings.HasSuffix(t.Name, "_norm_in.weight") })
	if base := Base(architecture); base == Qwen3 || base == Qwen35 {
		c.QKNorm = true
	} else if c.QKNorm || c.ProjNorms {
		return fmt.Errorf("architecture %s has norms of query and key heads or before single projections: they are known "+
			"of %s alone: convert the model again", architecture, Qwen3)
	}
	return nil
}
