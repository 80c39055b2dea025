package model

import (
	"errors"
	"fmt"
	"math"
)

// MaxHadamardBlock bounds the blocks of a Walsh-Hadamard transform.
const MaxHadamardBlock = 1 << 12

// validateVariants refuses options of the layers and the head that cannot be computed.
func (c *Config) validateVariants() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if v := c.FinalLogitSoftcapping; !(v >= 0 && v <= math.MaxFloat32) {
		bad("final_logit_softcapping is %g: want a positive number that float32 can hold, such as 30, or 0 for none", v)
	}
	if v := c.DeadzoneBias; !(v >= 0 && v <= 1) {
		bad("deadzone_bias is %g: want a share of the weights from 0 to 1, such as 0.001", v)
	}
	if !c.Ternary && (c.HadamardBlock != 0 || c.Int4Activations || c.DeadzoneBias != 0) {
		bad("hadamard_block, int4_activations or deadzone_bias is set and ternary false: they are of BitLinear layers, so " +
			"set ternary to true, or leave them out")
	}
	if c.IsGrouped() && (c.HadamardBlock != 0 || c.Int4Activations || c.DeadzoneBias != 0) {
		bad("hadamard_block, int4_activations or deadzone_bias is set, and the weights have %s%s: they are of layers with "+
			"one scale a tensor and activations of 8 bits, so leave one or the other out", c.ScaleWords(), c.floatWords())
	}
	if c.Sign && c.DeadzoneBias != 0 {
		bad("deadzone_bias is %g and sign true: b1 rounds no weight to 0, so set one of them to 0 or false", c.DeadzoneBias)
	}
	if c.ProjBias && (c.SubNorms || c.QKNorm || c.ProjNorms || c.DeadzoneBias != 0) {
		bad("proj_bias is true, and one of sub_norms, qk_norm, proj_norms and deadzone_bias is set: blocks of Llama alone " +
			"have a bias behind each projection")
	}
	if c.HadamardBlock != 0 {
		errs = append(errs, c.validateHadamard())
	}
	return errs
}

// validateHadamard refuses blocks that do not fit the inputs of the two projections.
func (c *Config) validateHadamard() error {
	n := c.HadamardBlock
	var errs []error
	if n < 2 || n > MaxHadamardBlock || n&(n-1) != 0 {
		return fmt.Errorf("hadamard_block is %d: want a power of two from 2 to %d, or 0 for none", n, MaxHadamardBlock)
	}
	for _, width := range []struct {
		name  string
		value int
	}{{"num_attention_heads * head_dim", c.QDim()}, {"intermediate_size", c.IntermediateSize}} {
		if width.value%n != 0 {
			errs = append(errs, fmt.Errorf("hadamard_block is %d, but %s is %d, no multiple of it: want a power of two that "+
				"divides both, such as %d", n, width.name, width.value, c.largestHadamardBlock()))
		}
	}
	return errors.Join(errs...)
}

// largestHadamardBlock is the largest block that fits both projections.
func (c *Config) largestHadamardBlock() int {
	both := c.QDim() | c.IntermediateSize
	return min(both&-both, MaxHadamardBlock)
}

// Folds reports whether the model has a bias of the dead zone, and blocks that can have it as tensors.
func (c *Config) Folds() bool {
	return c.DeadzoneBias != 0 && !c.SubNorms && !c.QKNorm && !c.ProjNorms
}

// OnlyTrit names the key of the first option with which no program but this computes the model, or "". The
// classes of transformers would leave it out.
func (c *Config) OnlyTrit() string {
	switch {
	case c.HadamardBlock != 0:
		return "hadamard_block"
	case c.Int4Activations:
		return "int4_activations"
	case c.DeadzoneBias != 0:
		return "deadzone_bias"
	case c.FinalLogitSoftcapping != 0:
		return "final_logit_softcapping"
	}
	return ""
}
