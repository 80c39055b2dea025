// Package gemm has the products of float32 matrices, and of float32 rounded to bfloat16 if the
// processor has instructions for that. Every product has the same bits for any number of threads,
// and for any division of its operands into parts.
//
// The words, each in one sense:
//
//   - tile: the piece of the result that the innermost loop computes: 8 rows by 32 columns in
//     float32, 32 by 32 in bfloat16;
//   - panel: a copy of a part of an operand in the order in which a tile reads it: 8 rows of the
//     left or 32 columns of the right one in float32, 32 rows of the left one in bfloat16;
//   - block: 16 columns of the right operand in bfloat16; a tile reads two of them;
//   - step: 32 values of the dimension k that is summed over, in bfloat16;
//   - pass: the range of k whose panels are packed at a time.
//
// A tile is computed in plain Go (generic.go) or in assembly; dispatch_*.go choose by the
// instruction sets of the processor.
package gemm

// implementation is one way to compute a product in float32. Functions other than tile may be
// nil: then plain Go is used.
type implementation struct {
	name string
	// tile is tileGeneric, with fused multiply-add in assembly.
	tile func(k int, a, b, c *float32, ldc int, accumulate bool)
	// packEight and packOctets copy eight lines of n values, and octets of whole rows.
	packEight  func(n int, dst *float32, stride int, x *float32, ld int)
	packOctets func(octets, rows int, dst *float32, x *float32, ld int)
	// storeSums and addSums take tileCols columns of some rows.
	storeSums, addSums func(rows int, dst *float32, width int, sums, factor *float32)
	// streamSums is storeSums past the caches, to rows that lie at multiples of 64 bytes.
	streamSums func(rows int, dst *float32, width int, sums, factor *float32)
}

// engine is one way to compute a product in bfloat16. All engines pack alike: see bf16pack.go.
type engine struct {
	name string
	// tiles multiplies panels of A, x [steps][32][32], panelBytes apart, by two blocks of B, w
	// [steps][16][16][2], blockBytes apart: dst[32i+r][16b+j] becomes the sum over s, p and h of
	// x[i][s][r][2p+h]*w[b][s][p][j][h] in float32. If more is not 0, the sum is added to dst.
	// tiles may prefetch the w of the next call, which begins at next.
	tiles func(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, next *byte)
	// products is tiles of a list, without fetching ahead.
	products func(list []Packed)
}

// The implementation and the engine for this processor. Without an engine, chosenBF16 is the zero
// value.
var (
	chosen     = implementations()[0]
	chosenBF16 = append(engines(), engine{})[0]
)

// Kernel names the implementation that this processor runs, such as "avx512".
func Kernel() string { return chosen.name }

// KernelBF16 names the engine for products in bfloat16, "" if there is none.
func KernelBF16() string { return chosenBF16.name }

// HasBF16 reports whether this machine has instructions for products in bfloat16.
func HasBF16() bool { return chosenBF16.tiles != nil }

// ThreadScratch is the number of bytes that the products of a thread keep for their panels.
const ThreadScratch = 4 * (passM*passK + passN*passK + tileRows*tileCols + bf16Rows*bf16Tile +
	bf16Values/2 + bf16StripValues/2)

// PackedValues is the largest number of values of a right side that a product in bfloat16 holds at a time: more
// would fill the caches, and memory. PassValues is the largest number of its rows.
const (
	PackedValues = 1 << 23
	PassValues   = bf16Depth
)

func ceil(n, unit int) int { return (n + unit - 1) / unit }
