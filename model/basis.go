package model

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Basis is a rotated basis: the input x of some weights is H(s*x) in their place, where s are signs and
// H is the Walsh-Hadamard transform of each block of values, in Sylvester's order and divided by the
// root of the block. Both keep lengths and angles, so weights that are rotated with their inputs compute
// the same products, while what stands out in a row is spread over a block, where few bits hold it
// better (QuIP#, arXiv:2402.04396; QuaRot, arXiv:2404.00456). GGUF files of PrismML have it.
type Basis struct {
	Block int // values that are transformed together, a power of two that divides each width
	// Signs are s by the width of an input, +1 or -1; nil: all are +1.
	Signs map[int][]float32
	// Inputs are the weights whose input is transformed, by their names in GGUF, and Tables those whose
	// rows are turned back, to s*(H row), after they are looked up.
	Inputs, Tables map[string]bool
	// Grouped: the input of the last projection of gated delta nets, if it is one of Inputs, is put into
	// grouped order of value heads before signs and transform (Config.Regrouped).
	Grouped bool
}

// Regrouped is R and K, the value heads of a key head and the key heads, for a weight whose input is put
// into grouped order, and zeros for all others. GGUF files hold value heads in tiled order, in which value
// head v reads key head v mod K: llama.cpp's converter brings them there. In grouped order, that of the
// checkpoints, it reads key head v/R, so head k*R+r of the grouped order is head r*K+k of the tiled one:
// [R][K] heads are transposed. PrismML's engine does so to the input of ssm_out where gdn_v_grouped is set.
func (c *Config) Regrouped(name string) [2]int {
	if b := c.Basis; b == nil || !b.Grouped || !b.Inputs[name] || !strings.HasSuffix(name, ".ssm_out.weight") {
		return [2]int{}
	}
	return [2]int{c.DeltaNet.ValueHeads / c.DeltaNet.KeyHeads, c.DeltaNet.KeyHeads}
}

// signSeed makes the signs of NewBasis, which are the same for all models.
const signSeed = 1

// NewBasis is a basis for all matrices of a model, with random signs.
func NewBasis(c *Config, block int) (*Basis, error) {
	b := &Basis{Block: block, Signs: map[int][]float32{}, Inputs: map[string]bool{}, Tables: map[string]bool{}}
	if block < 2 || block&(block-1) != 0 {
		return nil, fmt.Errorf("a block of %d values: want a power of two", block)
	}
	for _, spec := range c.Tensors() {
		if len(spec.Shape) != 2 || IsConvolution(spec) {
			continue
		}
		width := spec.Shape[1]
		if width%block != 0 {
			return nil, fmt.Errorf("%s has rows of %d values: a rotated basis needs a multiple of the block, %d",
				spec.GGUF, width, block)
		}
		if spec.Name == EmbedTokens {
			b.Tables[spec.GGUF] = true
		}
		if spec.Name != EmbedTokens || c.TieWordEmbeddings {
			b.Inputs[spec.GGUF] = true
		}
		if b.Signs[width] == nil {
			b.Signs[width] = randomSigns(width)
		}
	}
	return b, nil
}

// TrainedBasis is the basis that the weights of a model with hadamard_block are in from training on (BitNet v2): the
// inputs of the attention output and the down projection are turned, without signs. It is nil for other models.
func (c *Config) TrainedBasis() *Basis {
	if c.HadamardBlock == 0 {
		return nil
	}
	b := &Basis{Block: c.HadamardBlock, Inputs: map[string]bool{}, Tables: map[string]bool{}}
	for _, spec := range c.Tensors() {
		if strings.HasSuffix(spec.Name, OProj) || strings.HasSuffix(spec.Name, DownProj) {
			b.Inputs[spec.GGUF] = true
		}
	}
	return b
}

// TakeTrainedBasis makes the basis of ternary weights hadamard_block, if it is that of training with it.
func (c *Config) TakeTrainedBasis() {
	if c.Basis == nil || !c.Ternary {
		return
	}
	trained := *c
	trained.HadamardBlock, trained.Basis = c.Basis.Block, nil
	if trained.Validate() == nil && trained.TrainedBasis().Equal(c.Basis) {
		*c = trained
	}
}

func randomSigns(n int) []float32 {
	r, signs := rand.New(rand.NewPCG(signSeed, uint64(n))), make([]float32, n)
	for i := range signs {
		signs[i] = float32(2*r.IntN(2) - 1)
	}
	return signs
}

// Has reports whether a weight is in the basis; no weight is in the basis nil.
func (b *Basis) Has(name string) bool { return b != nil && (b.Inputs[name] || b.Tables[name]) }

// Equal reports whether two bases, which may be nil, are the same.
func (b *Basis) Equal(o *Basis) bool {
	if b == nil || o == nil {
		return b == o
	}
	return b.Block == o.Block && b.Grouped == o.Grouped && maps.EqualFunc(b.Signs, o.Signs, slices.Equal[[]float32]) &&
		maps.Equal(b.Inputs, o.Inputs) && maps.Equal(b.Tables, o.Tables)
}
