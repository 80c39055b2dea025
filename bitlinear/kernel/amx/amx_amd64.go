//go:build !purego

package amx

// Panels computes 32 columns for panels of 32 rows. The panels x [steps][32][64] are panelBytes
// apart, the two blocks w [steps*16][16][4] blockBytes apart. dst[r*32+16b+c] becomes the sum over
// s, l and j of x[s][r][4l+j]*w[b][16s+l][c][j]; if more is not 0, the sum is added to dst. The sums
// of each panel follow the sums of the panel before.
func Panels(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int) {
	amxTiles(panels, steps, w, blockBytes, x, panelBytes, dst, more, &configs[HalfRows])
}

// PanelsNext is Panels that fetches the w of the next call, which begins at next.
func PanelsNext(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte) {
	amxTilesNext(panels, steps, w, blockBytes, x, panelBytes, dst, more, &configs[HalfRows], next)
}

// HalfPanel is Panels for a single panel of up to 16 rows, x [steps][rows][64].
func HalfPanel(rows, steps int, w *byte, blockBytes int, x *int8, dst *int32) {
	amxHalfTile(steps, w, blockBytes, x, dst, &configs[rows])
}

// PanelParts computes the sums of a panel for parts of some steps each, apart: those of part p are
// dst[p*1024+r*32+16b+c], of the steps from p*steps on.
func PanelParts(parts, steps int, w *byte, blockBytes int, x *int8, dst *int32) {
	amxParts(parts, steps, w, blockBytes, x, dst, &configs[HalfRows])
}

// HalfPanelParts is PanelParts for a panel of up to 16 rows, x [steps][rows][64].
func HalfPanelParts(rows, parts, steps int, w *byte, blockBytes int, x *int8, dst *int32) {
	amxHalfParts(parts, steps, w, blockBytes, x, dst, &configs[rows])
}

// PanelsBF16 is Panels for bfloat16 with sums in float32: x [steps][32][32] and w
// [steps*16][16][2]. It fetches the w of the next call, which begins at next.
func PanelsBF16(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int,
	next *byte) {
	amxTilesBF16(panels, steps, w, blockBytes, x, panelBytes, dst, more, &configs[HalfRows], next)
}

// ProductsBF16 is PanelsBF16 of a list, one after the other, without fetching ahead: the registers are prepared once,
// which takes as long as 16 of their products.
func ProductsBF16(list []ProductBF16) { amxProductsBF16(list, &configs[HalfRows]) }

//go:noescape
func amxTiles(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int,
	config *[64]byte)

//go:noescape
func amxTilesNext(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int,
	config *[64]byte, next *byte)

//go:noescape
func amxTilesBF16(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int,
	config *[64]byte, next *byte)

//go:noescape
func amxProductsBF16(list []ProductBF16, config *[64]byte)

//go:noescape
func amxParts(parts, steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)

//go:noescape
func amxHalfParts(parts, steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)

//go:noescape
func amxHalfTile(steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)
