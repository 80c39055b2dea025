package gemm

import "trit/bitlinear/kernel/amx"

// Sizes of operands in bfloat16 that a caller packs itself.
const (
	PanelBytes = bf16PanelBytes // of a step of a panel, [32 rows][32]
	BlockBytes = bf16BlockBytes // of a step of a block, [16 pairs][16 columns][2]
)

// Packed is a product in bfloat16 of operands that a caller packs itself. It has 32 columns: sums[32i+r][16b+j] is the
// sum over s, p and h of x[i][s][r][2p+h]*blocks[b][s][p][j][h].
type Packed = amx.ProductBF16

// NewPacked takes panels x [steps][32][32], which begin panelBytes apart, and two blocks [steps][16][16][2], blockBytes
// apart. With accumulate the product is added to sums.
func NewPacked(
	panels, steps int, blocks []byte, blockBytes int, x []byte, panelBytes int, sums []float32, accumulate bool,
) Packed {
	_ = blocks[blockBytes+steps*BlockBytes-1]
	_ = x[(panels-1)*panelBytes+steps*PanelBytes-1]
	_ = sums[panels*bf16Tile*bf16Tile-1]
	p := Packed{Panels: panels, Steps: steps, W: &blocks[0], BlockBytes: blockBytes, X: &x[0], PanelBytes: panelBytes,
		Dst: &sums[0]}
	if accumulate {
		p.More = 1
	}
	return p
}

// MulPacked computes products one after the other, on the caller's thread. HasBF16 must be true.
func MulPacked(list []Packed) { chosenBF16.products(list) }

// StoreSums writes dst[r*ld+j] = sums[r*32+j]*factor[r] for the rows of factor and columns j below cols, at most 32.
func StoreSums(dst []float32, ld int, sums, factor []float32, cols int) {
	storeSums(dst, ld, sums, factor, cols, false)
}
