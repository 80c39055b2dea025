// Package model describes BitNet language models: their hyper-parameters under Hugging Face's
// names, the table of their tensors, and counts of their weights. Trainer, converter and engine
// share it, so that none of them has names of its own.
package model

import (
	"errors"
	"fmt"
	"math"
)

// Activation functions of the feed-forward gate, by their Hugging Face names.
const (
	ReLU2 = "relu2"
	SiLU  = "silu"
)

// Config holds the hyper-parameters of a decoder, with the field names of a
// Hugging Face config.json. It is always in resolved form: ParseHF fills in what a
// file leaves out.
type Config struct {
	VocabSize             int     `json:"vocab_size"`
	HiddenSize            int     `json:"hidden_size"`
	IntermediateSize      int     `json:"intermediate_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	NumKeyValueHeads      int     `json:"num_key_value_heads"`
	HeadDim               int     `json:"head_dim"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	RMSNormEps            float64 `json:"rms_norm_eps"`
	RopeTheta             float64 `json:"rope_theta"`
	// PartialRotaryFactor is the part of each head that rotary embedding turns, 0 for all of it.
	PartialRotaryFactor float64 `json:"partial_rotary_factor,omitempty"`
	// RopeScaling is nil for rotary embedding without scaling. It is shared by copies of a
	// Config and never changes.
	RopeScaling       *RotaryScaling `json:"rope_scaling,omitempty"`
	HiddenAct         string         `json:"hidden_act"`
	TieWordEmbeddings bool           `json:"tie_word_embeddings"`
	// FinalLogitSoftcapping bounds the logits: they are cap*tanh(logit/cap), as in Gemma 2. 0: they are not.
	FinalLogitSoftcapping float64 `json:"final_logit_softcapping,omitempty"`
	// SubNorms adds an RMSNorm before the attention output projection and one
	// before the feed-forward down projection (2B-4T, 1bitLLM).
	SubNorms bool `json:"sub_norms"`
	// ProjNorms adds an RMSNorm of its own before each of the seven projections of a block
	// (BitNet embedding models).
	ProjNorms bool `json:"proj_norms,omitempty"`
	// QKNorm adds an RMSNorm of each query head and of each key head before the rotary
	// embedding (Qwen3).
	QKNorm bool `json:"qk_norm,omitempty"`
	// ScaleEmb, ScaleDepth and DimModelBase are MiniCPM's, by its names; 0 in all other models. See
	// EmbeddingScale, ResidualScale and LogitScale.
	ScaleEmb     float64 `json:"scale_emb,omitempty"`
	ScaleDepth   float64 `json:"scale_depth,omitempty"`
	DimModelBase float64 `json:"dim_model_base,omitempty"`
	// Basis is the rotated basis that weights are in, nil for none. Only GGUF files have one. It is shared by
	// copies of a Config and never changes.
	Basis *Basis `json:"-"`
	// Ternary makes the seven projections of a block BitLinear layers; false gives
	// plain linear layers, the full-precision baseline.
	Ternary bool `json:"ternary"`
	// HadamardBlock is the number of values of a block in which the inputs of the attention output and the
	// down projection pass a normalised Walsh-Hadamard transform before they are rounded (BitNet v2); 0: they
	// do not.
	HadamardBlock int `json:"hadamard_block,omitempty"`
	// Int4Activations rounds the activations of BitLinear layers to 4 bits in place of 8 (BitNet v2).
	Int4Activations bool `json:"int4_activations,omitempty"`
	// DeadzoneBias times the sum of those weights of a row that are rounded to 0 is a bias of the row's output
	// (Tequila); 0: there is none.
	DeadzoneBias float64 `json:"deadzone_bias,omitempty"`
	// ProjBias adds a bias behind each of the seven projections of a block: what DeadzoneBias is for weights
	// that do not change any more.
	ProjBias bool `json:"proj_bias,omitempty"`
	// Sign makes the weights of BitLinear the signs of W - mean W (b1, the first BitNet)
	// instead of -1, 0 and +1.
	Sign bool `json:"sign,omitempty"`
	// DeltaNet is zero for a model whose blocks all have attention.
	DeltaNet DeltaNet `json:"delta_net,omitzero"`
	// WeightScale says which weights share a scale. With Sign, weights that share one for a row or a part
	// of it are the signs of W itself.
	WeightScale WeightScale `json:"weight_scale,omitempty"`
	// HalfScales rounds the scale of a tensor to half precision, as TQ1_0 and TQ2_0 hold it. Scales of
	// rows and groups always are; see HasHalfScales.
	HalfScales bool `json:"half_scales,omitempty"`
	// FloatActivations leaves the activations of BitLinear layers as they are.
	FloatActivations bool `json:"float_activations,omitempty"`
	// TernaryEmbedding rounds embedding and head as the projections are.
	TernaryEmbedding bool `json:"ternary_embedding,omitempty"`
}

// QDim is the width of the query projection: heads x head dimension.
func (c *Config) QDim() int { return c.NumAttentionHeads * c.HeadDim }

// KVDim is the width of the key and of the value projection.
func (c *Config) KVDim() int { return c.NumKeyValueHeads * c.HeadDim }

// Resolve sets fields that are zero to their defaults: as many KV heads as heads, the hidden size
// divided by the heads as head dimension, and the values of the BitNet papers for theta,
// epsilon, context length and activation.
func (c *Config) Resolve() {
	if c.NumKeyValueHeads == 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	if c.HeadDim == 0 && c.NumAttentionHeads > 0 {
		c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	}
	if c.RopeTheta == 0 {
		c.RopeTheta = 10000
	}
	if c.RMSNormEps == 0 {
		c.RMSNormEps = 1e-5
	}
	if c.MaxPositionEmbeddings == 0 {
		c.MaxPositionEmbeddings = 2048
	}
	c.resolveRotary()
	if c.WeightScale == ScaleTensor {
		c.WeightScale = ""
	}
	if c.HiddenAct == "" {
		c.HiddenAct = SiLU
		if c.SubNorms {
			c.HiddenAct = ReLU2
		}
	}
}

// Limits of a configuration, far above any model. They keep the table of tensors small, and
// counts of weights within an int.
const (
	maxSize   = 1 << 24
	maxLayers = 1 << 12
)

// Validate reports every problem of a resolved configuration at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range []struct {
		name        string
		value, most int
	}{
		{"vocab_size", c.VocabSize, maxSize}, {"hidden_size", c.HiddenSize, maxSize},
		{"intermediate_size", c.IntermediateSize, maxSize}, {"num_hidden_layers", c.NumHiddenLayers, maxLayers},
		{"num_attention_heads", c.NumAttentionHeads, maxSize}, {"num_key_value_heads", c.NumKeyValueHeads, maxSize},
		{"head_dim", c.HeadDim, maxSize}, {"max_position_embeddings", c.MaxPositionEmbeddings, maxSize},
	} {
		if f.value <= 0 || f.value > f.most {
			bad("%s is %d: want a number from 1 to %d", f.name, f.value, f.most)
		}
	}
	if len(errs) == 0 && c.QDim() > maxSize {
		bad("num_attention_heads %d times head_dim %d is %d: want at most %d",
			c.NumAttentionHeads, c.HeadDim, c.QDim(), maxSize)
	}
	if c.NumKeyValueHeads > 0 && c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		bad("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.NumAttentionHeads, c.NumKeyValueHeads)
	}
	if c.HeadDim%2 != 0 {
		bad("head_dim is %d: rotary embedding needs an even number", c.HeadDim)
	}
	if c.HiddenAct != ReLU2 && c.HiddenAct != SiLU {
		bad("hidden_act is %q: want %q or %q", c.HiddenAct, ReLU2, SiLU)
	}
	if c.SubNorms && c.ProjNorms {
		bad("sub_norms and proj_norms are both true: a projection has one norm before it, so set one of them to false")
	}
	if c.Sign && !c.Ternary {
		bad("sign is true and ternary false: sign says how BitLinear rounds weights, so set ternary to true or sign to false")
	}
	errs = append(errs, c.validateVariants()...)
	if !(float32(c.RMSNormEps) > 0 && c.RMSNormEps < 1) { // GGUF holds both numbers in float32
		bad("rms_norm_eps is %g: want a small positive number", c.RMSNormEps)
	}
	if !(c.RopeTheta > 1 && c.RopeTheta <= math.MaxFloat32) {
		bad("rope_theta is %g: want a number above 1 that float32 can hold", c.RopeTheta)
	}
	errs = append(errs, c.validateScales()...)
	c.validateHybrid(bad)
	if err := c.validateRounding(); err != nil {
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		if err := c.validateRotary(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
