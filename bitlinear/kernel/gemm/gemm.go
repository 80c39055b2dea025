// Package gemm has the products of float32 matrices, and of float32 rounded to bfloat16 where
// the processor has instructions for that. Every product has the same bits for any number of
// threads, and wherever its operands are cut.
//
// The words, each in one sense:
//
//   - tile: the piece of the result that the innermost loop computes: 8 rows by 32 columns in
//     float32, 32 by 32 in bfloat16;
//   - panel: a copy of a part of an operand in the order in which a tile reads it: 8 rows of the
//     left or 32 columns of the right one in float32, 32 rows of the left one in bfloat16;
//   - block: 16 columns of the right operand in bfloat16: two of them are what a tile reads;
//   - step: 32 values of the dimension k that is summed over, in bfloat16;
//   - pass: the range of k whose panels are packed at a time.
//
// A tile is computed in plain Go (generic.go) or in assembly, which dispatch_*.go choose by what
// the processor has.
package gemm

// implementation is one way to compute a product in float32. Functions other than tile may be
// nil: plain Go does what they do.
type implementation struct {
	name string
	// tile is tileGeneric, with fused multiply-add in assembly.
	tile func(k int, a, b, c *float32, ldc int, accumulate bool)
	// packEight and packOctets copy eight lines of n values, and octets of whole rows.
	packEight  func(n int, dst *float32, stride int, x *float32, ld int)
	packOctets func(octets, rows int, dst *float32, x *float32, ld int)
	// storeSums and addSums take tileCols columns of some rows.
	storeSums, addSums func(rows int, dst *float32, width int, sums, factor *float32)
}

// engine is one way to compute a product in bfloat16. All engines pack alike: see bf16pack.go.
type engine struct {
	name string
	// tiles multiplies panels of A x [steps][32][32], panelBytes apart, by two blocks of B w
	// [steps][16][16][2], blockBytes apart: dst[32i+r][16b+j] (+)= the sum over s, p and h of
	// x[i][s][r][2p+h]*w[b][s][p][j][h] in float32, added to what is there where more is not 0.
	// It may fetch the w of the next call, which begin at next.
	tiles func(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, next *byte)
}

// What is chosen for this processor. The engine is the zero value where there is none.
var (
	chosen     = implementations()[0]
	chosenBF16 = append(engines(), engine{})[0]
)

// HasBF16 reports whether this machine has instructions for products in bfloat16.
func HasBF16() bool { return chosenBF16.tiles != nil }

// ThreadScratch is how many bytes the products of a thread keep for their panels.
const ThreadScratch = 4 * (passM*passK + passN*passK + tileRows*tileCols + bf16Rows*bf16Tile + bf16Values/2)

func ceil(n, unit int) int { return (n + unit - 1) / unit }
