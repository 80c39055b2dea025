// Package intgrad has the products of the backward pass of a ternary layer in int8: of the gradient of its
// output by the ternary weights, and transposed, by the int8 activations. The other operand of both is of
// integers as it is; the gradient is rounded stochastically, so that what a product is expected to be is exact,
// with a scale for what stays a row of its result: a token for the gradient of the input, a row of weights for that
// of the weights.
// Sums are of int32, exact, and multiplied once, so all implementations have the same bits, for any number of
// threads.
//
// A value is rounded in two steps, to fixed point with 8 bits of fraction, half to even, and from there down after a
// random byte was added:
//
//	v = x * (127*256/largest |x|) as an integer;  q = (v + random) >> 8
//
// so the expected q*256 is v. Source: Wang et al., "Training Deep Neural Networks with 8-bit Floating Point Numbers",
// 2018, has it for sums; Banner et al., "Scalable Methods for 8-bit Training of Neural Networks", 2018, for gradients.
//
// The words are those of package amx: a panel has 32 rows of the left operand, a block 16 columns of the right one, a
// step is 64 values of the dimension that is summed over. A tile is 32 by 32 values of the result.
package intgrad

import (
	"math"

	"trit/bitlinear/kernel/amx"
)

const (
	tileRows  = amx.PanelRows
	tileCols  = 2 * blockCols
	blockCols = 16
	stepCols  = amx.StepBytes               // values of a step
	quad      = 4                           // values of a step that lie side by side in a block
	panelStep = tileRows * stepCols         // bytes of a step of a panel
	blockStep = amx.StepLines * lineBytes   // and of a block
	lineBytes = quad * blockCols            // of a block
	randoms   = stepCols * blockCols / quad // hashes for 64 by 16 values
)

// implementation is one way to compute the products. Functions take whole registers of 16 values; in plain Go they are
// in generic.go, where each is defined.
type implementation struct {
	name string
	// codes are for blocks of -1, 0 and 1, activations for those of int8.
	codes, activations tiles
	maxima             func(n int, x *float32, inverse float32, columns *uint32) uint32
	rows               func(steps int, dst *int8, distance int, x *float32, factor float32, number, key, bias uint32)
	columns            func(dst *int8, x *float32, ld int, inverse, factor *float32, number, key, bias uint32)
	quads              func(n int, dst *byte, distance int, x *int8, ld int)
	// store, add and stream take 32 columns; stream writes past the caches, to rows at multiples of 64 bytes.
	store, add, stream func(rows int, dst *float32, width int, sums *int32, factor *float32)
}

// tiles is one way to multiply panels by blocks.
type tiles struct {
	run tileFunc
	// bias is added to each byte of the left operand, whose bytes run may read without a sign.
	bias uint32
}

// tileFunc is amx.PanelsNext; it need not fetch.
type tileFunc func(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int,
	next *byte)

// with returns the implementation with other tiles, for both operands.
func (i implementation) with(name string, run tileFunc, bias uint32) implementation {
	i.name, i.codes = name, tiles{run, bias}
	i.activations = i.codes
	return i
}

// chosen is the implementation for this processor.
var chosen = implementations()[0]

// Kernel names the implementation that this processor runs, such as "amx".
func Kernel() string { return chosen.name }

// Fast reports whether this machine has instructions for these products. Without them they are right, but in plain Go.
func Fast() bool { return chosen.name != generic.name }

// MaxTokens is the largest number of rows whose products with int8 activations fit into an int32.
const MaxTokens = math.MaxInt32 / (127 * 128)

// largest is the largest value of fixed point, 127 with 8 bits of fraction.
const largest = 127 << 8

// least keeps the scale of gradients that are all zero finite.
const least = 1e-30

// scales returns the factor that makes fixed point of values up to the given size, and what one of q is worth.
func scales(size float32) (factor, unit float32) {
	size = max(size, least) // also not a number, if size is none: so is all that comes of it
	return largest / size, size / 127
}

// mix32 is a hash of 32 bits, one to one (the finalizer of MurmurHash3, Appleby 2011).
func mix32(x uint32) uint32 {
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return x ^ x>>16
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }
