package model

import (
	"fmt"
	"slices"
	"strings"
)

// TensorSpec describes one weight of a model: its names in the two file formats, and its shape.
type TensorSpec struct {
	Name    string // Hugging Face name, mostly with ".weight"
	GGUF    string // GGUF name, with the same ending
	Shape   []int  // row-major; a projection is [out features, in features]
	Ternary bool   // reports whether it is the weight of a BitLinear layer
	Layer   int    // block number, -1 outside the blocks
}

// Elements is the number of weights in the tensor.
func (t TensorSpec) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Names of the tensors outside the blocks.
const (
	EmbedTokens = "model.embed_tokens.weight"
	FinalNorm   = "model.norm.weight"
	LMHead      = "lm_head.weight"
)

// Names of a block's tensors, to follow "model.layers.N.".
const (
	InputNorm   = "input_layernorm.weight"
	QProj       = "self_attn.q_proj.weight"
	KProj       = "self_attn.k_proj.weight"
	VProj       = "self_attn.v_proj.weight"
	AttnSubNorm = "self_attn.attn_sub_norm.weight"
	OProj       = "self_attn.o_proj.weight"
	PostNorm    = "post_attention_layernorm.weight"
	GateProj    = "mlp.gate_proj.weight"
	UpProj      = "mlp.up_proj.weight"
	FFNSubNorm  = "mlp.ffn_sub_norm.weight"
	DownProj    = "mlp.down_proj.weight"
	QNorm       = "self_attn.q_norm.weight"
	KNorm       = "self_attn.k_norm.weight"
)

// ProjNorm is the name of the norm before a projection, made of the name of the projection's
// weight: ProjNorm(QProj) is "self_attn.q_proj.norm.weight".
func ProjNorm(projection string) string {
	return strings.TrimSuffix(projection, "weight") + "norm.weight"
}

// ProjBias is the name of the bias behind a projection, made of the name of the projection's weight.
func ProjBias(projection string) string { return strings.TrimSuffix(projection, "weight") + "bias" }

// LayerTensor is the Hugging Face name of a tensor of a block, such as
// LayerTensor(3, QProj).
func LayerTensor(layer int, name string) string {
	return fmt.Sprintf("model.layers.%d.%s", layer, name)
}

// Tensors lists every weight of the model in a fixed order: embedding, blocks, final
// norm, untied head.
func (c *Config) Tensors() []TensorSpec {
	d := c.HiddenSize
	specs := []TensorSpec{{EmbedTokens, "token_embd.weight", []int{c.VocabSize, d}, false, -1}}
	for l := range c.NumHiddenLayers {
		specs = append(specs, c.blockTensors(l)...)
	}
	specs = append(specs, TensorSpec{FinalNorm, "output_norm.weight", []int{d}, false, -1})
	if !c.TieWordEmbeddings {
		specs = append(specs, TensorSpec{LMHead, "output.weight", []int{c.VocabSize, d}, false, -1})
	}
	return specs
}

// blockTensors lists the weights of block l.
func (c *Config) blockTensors(l int) (specs []TensorSpec) {
	d, f := c.HiddenSize, c.IntermediateSize
	add := func(hf, gguf string, ternary bool, shape ...int) {
		specs = append(specs, TensorSpec{LayerTensor(l, hf), fmt.Sprintf("blk.%d.%s.weight", l, gguf), shape, ternary, l})
	}
	norm := func(where bool, hf, gguf string, n int) {
		if where {
			add(hf, gguf, false, n)
		}
	}
	project := func(hf, gguf string, n, k int) {
		norm(c.ProjNorms, ProjNorm(hf), gguf+"_norm_in", k)
		add(hf, gguf, c.Ternary, n, k)
		if c.ProjBias {
			specs = append(specs, TensorSpec{LayerTensor(l, ProjBias(hf)), fmt.Sprintf("blk.%d.%s.bias", l, gguf), []int{n}, false, l})
		}
	}
	norm(true, InputNorm, "attn_norm", d)
	if c.IsRecurrent(l) {
		specs = append(specs, inBlock(l, c.deltaNetTensors())...)
	} else {
		project(QProj, "attn_q", c.QueryRows(), d)
		project(KProj, "attn_k", c.KVDim(), d)
		project(VProj, "attn_v", c.KVDim(), d)
		norm(c.QKNorm, QNorm, "attn_q_norm", c.HeadDim)
		norm(c.QKNorm, KNorm, "attn_k_norm", c.HeadDim)
		norm(c.SubNorms, AttnSubNorm, "attn_sub_norm", c.QDim())
		project(OProj, "attn_output", d, c.QDim())
	}
	norm(true, PostNorm, c.postNormGGUF(), d)
	project(GateProj, "ffn_gate", f, d)
	project(UpProj, "ffn_up", f, d)
	norm(c.SubNorms, FFNSubNorm, "ffn_sub_norm", f)
	project(DownProj, "ffn_down", d, f)
	return specs
}

// FirstProjection is the first matrix of block 0, by whose type files are told apart.
func (c *Config) FirstProjection() TensorSpec {
	specs := c.blockTensors(0)
	return specs[slices.IndexFunc(specs, func(s TensorSpec) bool { return len(s.Shape) == 2 })]
}

// postNormGGUF is GGUF's name of the norm before the feed-forward layer.
func (c *Config) postNormGGUF() string {
	if c.IsHybrid() {
		return "post_attention_norm"
	}
	return "ffn_norm"
}

// Parameters is the number of all weights. A tied embedding counts once.
func (c *Config) Parameters() int {
	n := 0
	for _, t := range c.Tensors() {
		n += t.Elements()
	}
	return n
}

// MatMulWeights is the number of weights of the projections and the head, which every token is
// multiplied by. A forward pass takes two operations for each of them, a training step six.
func (c *Config) MatMulWeights() int {
	n := c.VocabSize * c.HiddenSize
	for _, t := range c.Tensors() {
		if t.Layer >= 0 && len(t.Shape) == 2 {
			n += t.Elements()
		}
	}
	return n
}

// FLOPsPerToken is the number of operations of a training step for each token of a sequence of
// this length: six for each weight, two of them in the forward pass, and twelve in attention for
// each position and dimension of the queries. It is the count by which utilisation is stated
// since PaLM (Chowdhery et al. 2022, appendix B): positions after the token count too, and a
// value that is computed twice counts once.
func (c *Config) FLOPsPerToken(length int) int {
	return 6*c.MatMulWeights() + 12*c.NumHiddenLayers*c.QDim()*length
}

// TernaryParameters is the number of weights of all BitLinear layers.
func (c *Config) TernaryParameters() int {
	n := 0
	for _, t := range c.Tensors() {
		if t.Ternary {
			n += t.Elements()
		}
	}
	return n
}
