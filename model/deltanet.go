package model

import (
	"fmt"
	"strings"
)

// DeltaNet is the shape of the gated delta-net layers (arXiv:2412.06464) of a hybrid, which stand
// in the place of attention in all blocks but each Interval-th one. Attention of a hybrid has an
// output gate: its query projection gives each head a query and, behind it, a gate.
type DeltaNet struct {
	KeyHeads   int `json:"linear_num_key_heads"`
	ValueHeads int `json:"linear_num_value_heads"`  // a multiple of KeyHeads
	HeadDim    int `json:"linear_key_head_dim"`     // of keys and of values
	Kernel     int `json:"linear_conv_kernel_dim"`  // positions that the convolution sees
	Interval   int `json:"full_attention_interval"` // 0: the model is no hybrid
}

// KeyDim is the width of all keys, and of all queries.
func (d *DeltaNet) KeyDim() int { return d.KeyHeads * d.HeadDim }

// ValueDim is the width of all values.
func (d *DeltaNet) ValueDim() int { return d.ValueHeads * d.HeadDim }

// ConvDim is the number of channels of the convolution: queries, keys, values.
func (d *DeltaNet) ConvDim() int { return 2*d.KeyDim() + d.ValueDim() }

// IsHybrid reports whether some blocks may be gated delta nets.
func (c *Config) IsHybrid() bool { return c.DeltaNet.Interval > 0 }

// IsRecurrent reports whether block l is a gated delta net.
func (c *Config) IsRecurrent(l int) bool { return c.IsHybrid() && (l+1)%c.DeltaNet.Interval != 0 }

// RecurrentLayers is the number of blocks that are gated delta nets.
func (c *Config) RecurrentLayers() int {
	if !c.IsHybrid() {
		return 0
	}
	return c.NumHiddenLayers - c.NumHiddenLayers/c.DeltaNet.Interval
}

// Slot is the number of blocks before block l that are of its kind.
func (c *Config) Slot(l int) int {
	switch {
	case !c.IsHybrid():
		return l
	case c.IsRecurrent(l):
		return l - l/c.DeltaNet.Interval
	}
	return l / c.DeltaNet.Interval
}

// QueryRows is the number of rows of the query projection: QDim, twice that in a hybrid.
func (c *Config) QueryRows() int {
	if c.IsHybrid() {
		return 2 * c.QDim()
	}
	return c.QDim()
}

// MaxConvKernel is the most positions that the convolution of a gated delta net may see.
const MaxConvKernel = 32

// validateHybrid reports what is wrong with a hybrid.
func (c *Config) validateHybrid(bad func(format string, args ...any)) {
	d := &c.DeltaNet
	if *d == (DeltaNet{}) {
		return
	}
	for _, f := range []struct {
		name        string
		value, most int
	}{
		{"linear_num_key_heads", d.KeyHeads, maxSize}, {"linear_num_value_heads", d.ValueHeads, maxSize},
		{"linear_key_head_dim", d.HeadDim, 1 << 12}, {"linear_conv_kernel_dim", d.Kernel, MaxConvKernel},
		{"full_attention_interval", d.Interval, max(1, c.NumHiddenLayers)},
	} {
		if f.value <= 0 || f.value > f.most {
			bad("%s is %d: want a number from 1 to %d", f.name, f.value, f.most)
			return
		}
	}
	if d.ValueHeads%d.KeyHeads != 0 {
		bad("linear_num_value_heads %d is not a multiple of linear_num_key_heads %d", d.ValueHeads, d.KeyHeads)
	}
	if d.ConvDim() > maxSize {
		bad("the heads of linear attention have %d values: want at most %d", d.ConvDim(), maxSize)
	}
	if !c.QKNorm || c.SubNorms || c.ProjNorms || c.Ternary || c.HiddenAct != SiLU {
		bad("a hybrid has norms of query and key heads, silu, no other norms and no BitLinear layers")
	}
}

// deltaNetTensors lists the weights of a gated delta net by the names that follow the block's.
func (c *Config) deltaNetTensors() []TensorSpec {
	d, net := c.HiddenSize, &c.DeltaNet
	heads, values := []int{net.ValueHeads}, net.ValueDim()
	return []TensorSpec{
		{Name: InQKV, GGUF: "attn_qkv.weight", Shape: []int{net.ConvDim(), d}},
		{Name: InZ, GGUF: "attn_gate.weight", Shape: []int{values, d}},
		{Name: InA, GGUF: "ssm_alpha.weight", Shape: []int{net.ValueHeads, d}},
		{Name: InB, GGUF: "ssm_beta.weight", Shape: []int{net.ValueHeads, d}},
		{Name: Conv, GGUF: "ssm_conv1d.weight", Shape: []int{net.ConvDim(), net.Kernel}},
		{Name: ALog, GGUF: "ssm_a", Shape: heads},
		{Name: DTBias, GGUF: "ssm_dt.bias", Shape: heads},
		{Name: LinearNorm, GGUF: "ssm_norm.weight", Shape: []int{net.HeadDim}},
		{Name: LinearOut, GGUF: "ssm_out.weight", Shape: []int{d, values}},
	}
}

// Names of the tensors of a gated delta net, to follow "model.layers.N.".
const (
	InQKV      = "linear_attn.in_proj_qkv.weight"
	InZ        = "linear_attn.in_proj_z.weight"
	InA        = "linear_attn.in_proj_a.weight"
	InB        = "linear_attn.in_proj_b.weight"
	Conv       = "linear_attn.conv1d.weight"
	ALog       = "linear_attn.A_log"
	DTBias     = "linear_attn.dt_bias"
	LinearNorm = "linear_attn.norm.weight"
	LinearOut  = "linear_attn.out_proj.weight"
)

// IsConvolution reports whether a weight is the taps of a convolution, whose rows are too short for
// types with groups.
func IsConvolution(spec TensorSpec) bool { return strings.HasSuffix(spec.Name, Conv) }

// FolderShape is the shape of a weight in a Hugging Face folder, where the taps of a convolution have an axis of 1
// for the channels that each channel sees.
func (t TensorSpec) FolderShape() []int {
	if IsConvolution(t) {
		return []int{t.Shape[0], 1, t.Shape[1]}
	}
	return t.Shape
}

// Heads is where the indices of an axis belong to value heads of gated delta nets: N of Size indices each, the
// first one at First.
type Heads struct{ First, N, Size int }

// ValueHeads is where a weight has value heads: along its rows, or, if columns is set, along its columns. A vector
// is one row. N is 0 for weights that have none.
func (c *Config) ValueHeads(spec TensorSpec) (h Heads, columns bool) {
	d := &c.DeltaNet
	switch name := spec.Name; {
	case spec.Layer < 0 || !c.IsRecurrent(spec.Layer):
	case strings.HasSuffix(name, InQKV), strings.HasSuffix(name, Conv):
		return Heads{2 * d.KeyDim(), d.ValueHeads, d.HeadDim}, false
	case strings.HasSuffix(name, InZ):
		return Heads{0, d.ValueHeads, d.HeadDim}, false
	case strings.HasSuffix(name, InA), strings.HasSuffix(name, InB):
		return Heads{0, d.ValueHeads, 1}, false
	case strings.HasSuffix(name, ALog), strings.HasSuffix(name, DTBias):
		return Heads{0, d.ValueHeads, 1}, true
	case strings.HasSuffix(name, LinearOut):
		return Heads{0, d.ValueHeads, d.HeadDim}, true
	}
	return Heads{}, false
}

// Transposed returns where index i of an axis comes from when its heads, [outer][inner] of them, become
// [inner][outer]. Folders have grouped order, [key head][value heads that read it]; GGUF files tiled order, which is
// the transposed one (see Regrouped).
func (h Heads) Transposed(outer int) func(i int) int {
	inner := h.N / outer
	return func(i int) int {
		at := i - h.First
		if at < 0 {
			return i
		}
		head := at / h.Size
		return h.First + (head%outer*inner+head/outer)*h.Size + at%h.Size
	}
}

// inBlock gives tensors of a block their full names.
func inBlock(l int, specs []TensorSpec) []TensorSpec {
	for i := range specs {
		specs[i].Name, specs[i].GGUF = LayerTensor(l, specs[i].Name), fmt.Sprintf("blk.%d.%s", l, specs[i].GGUF)
		specs[i].Layer = l
	}
	return specs
}
