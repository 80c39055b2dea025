package causal

import "trit/bitlinear/kernel/gemm"

// packPanels packs rows, at most cols values of each, into panels [..][steps].
func packPanels(dst []byte, x Rows, rows, cols int) {
	for r := 0; r < rows; r += tile {
		for c := 0; c < cols; c += tile {
			packPanel(dst[:gemm.PanelBytes], x.from(r), rows-r, c, cols)
			dst = dst[gemm.PanelBytes:]
		}
	}
}

// packPanel packs up to 32 rows of the columns from col on into a step of a panel.
func packPanel(dst []byte, x Rows, rows, col, cols int) {
	panel512(min(rows, tile), cols-col, &dst[0], &x.X[col], x.LD)
}

// packBlocks packs columns into blocks [2*steps][group] for up to group*32 rows.
func packBlocks(dst []byte, x Rows, rows, cols, group int) {
	const half = tile / 2
	for c := 0; c < cols; c += half {
		for r := 0; r < rows; r += tile {
			at := dst[(c/half*group+r/tile)*gemm.BlockBytes:][:gemm.BlockBytes]
			block512(min(rows-r, tile), cols-c, &at[0], &x.from(r).X[c], x.LD)
		}
	}
}

// packTransposedBlocks packs up to 32 rows as the columns of two blocks [2][steps].
func (h *Head) packTransposedBlocks(dst []byte, x Rows, rows int) {
	for s := range h.steps {
		packPanel(h.spare[:], x, rows, s*tile, h.dim)
		for b := range 2 {
			transpose512(&dst[(b*h.steps+s)*gemm.BlockBytes], &h.spare[b*gemm.BlockBytes])
		}
	}
}

// packTransposedPanels packs all positions as the columns of panels [steps][panels].
func (h *Head) packTransposedPanels(dst []byte, x Rows) {
	const half = tile / 2
	for c := 0; c < h.dim; c += half {
		for p := range h.panels {
			block512(min(h.length-p*tile, tile), h.dim-c, &h.spare[0], &x.from(p * tile).X[c], x.LD)
			at := dst[(c/tile*h.panels+p)*gemm.PanelBytes+c%tile/half*gemm.BlockBytes:][:gemm.BlockBytes]
			transpose512(&at[0], &h.spare[0])
		}
	}
}
