package gemm

// Sizes of operands in bfloat16 that a caller packs itself.
const (
	PanelBytes = bf16PanelBytes // of a step of a panel, [32 rows][32]
	BlockBytes = bf16BlockBytes // of a step of a block, [16 pairs][16 columns][2]
)

// MulPacked computes 32 columns of a product in bfloat16, on the caller's thread, for callers that pack the operands:
// sums[32i+r][16b+j] becomes the sum over s, p and h of x[i][s][r][2p+h]*blocks[b][s][p][j][h], or is added to.
// The panels x [steps][32][32] begin panelBytes apart, the two blocks [steps][16][16][2] blockBytes apart. HasBF16
// must be true.
func MulPacked(
	panels, steps int, blocks []byte, blockBytes int, x []byte, panelBytes int, sums []float32, accumulate bool,
) {
	_ = blocks[blockBytes+steps*BlockBytes-1]
	_ = x[(panels-1)*panelBytes+steps*PanelBytes-1]
	_ = sums[panels*bf16Tile*bf16Tile-1]
	more := 0
	if accumulate {
		more = 1
	}
	chosenBF16.tiles(panels, steps, &blocks[0], blockBytes, &x[0], panelBytes, &sums[0], more, &blocks[0])
}

// StoreSums writes dst[r*ld+j] = sums[r*32+j]*factor[r] for the rows of factor and columns j below cols, at most 32.
func StoreSums(dst []float32, ld int, sums, factor []float32, cols int) {
	storeSums(dst, ld, sums, factor, cols, false)
}
