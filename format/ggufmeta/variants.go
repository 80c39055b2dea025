package ggufmeta

import (
	"errors"
	"fmt"

	"trit/format/gguf"
	"trit/model"
)

// softCapKey is behind the architecture's name. llama.cpp reads it for Gemma's architectures and others, for
// none of those that are written here.
const softCapKey = ".final_logit_softcapping"

// readSoftCap takes the bound of the logits, where the key is there; 0 is none.
func readSoftCap(m *gguf.Metadata, key string, c *model.Config) error {
	if v, ok := m.Float(key); ok && v == 0 {
		return nil
	}
	return readPositive(m, key, &c.FinalLogitSoftcapping)
}

// readBiases finds out whether each projection of a block has a bias; files with other biases are refused,
// since those have no place.
func readBiases(f *gguf.File, architecture string, c *model.Config) {
	_, attention := f.Tensor("blk.0.attn_output.bias")
	_, feedForward := f.Tensor("blk.0.ffn_down.bias")
	c.ProjBias = Base(architecture) == Llama && attention && feedForward
}

// checkVariants refuses layers that no key or tensor of GGUF tells of.
func checkVariants(c *model.Config) error {
	var errs []error
	no := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": a run, and a folder of master weights, are evaluated as they are", args...))
	}
	if c.Int4Activations && c.IsHybrid() {
		no("int4_activations is true, and blocks are gated delta nets, which are not known with activations of 4 bits")
	}
	if c.DeadzoneBias != 0 && !c.Folds() {
		no("deadzone_bias is %g: only Llama's blocks, without sub_norms and qk_norm and with hidden_act %s, have a place "+
			"for its biases", c.DeadzoneBias, model.SiLU)
	}
	return errors.Join(errs...)
}
