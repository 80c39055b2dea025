package causal

import "trit/bitlinear/kernel/gemm"

// Load packs the keys and values that Attend reads.
func (h *Head) Load(k, v Rows) {
	packPanels(h.keys, k, h.length, h.dim)
	h.packTransposedPanels(h.values, v)
}

// Attend writes to out what each query collects, and to lse [T] the logarithm of its sum of exponentials, over scale.
// Query t sees the keys from starts[t] to t; starts does not decrease.
func (h *Head) Attend(q, out Rows, lse []float32, starts []int32) {
	for t := 0; t < h.length; t += tile {
		rows := min(tile, h.length-t)
		h.attend(t, q.from(t), out.from(t), lse[t:][:rows], starts[t:][:rows])
	}
}

// attend is Attend for the queries of a tile, the first of which is query t.
func (h *Head) attend(t int, q, out Rows, lse []float32, starts []int32) {
	first, end := seen(t, starts)
	n, key, l := end-first, int32(first*tile), &h.lanes
	h.packTransposedBlocks(h.query, q, len(starts))
	h.multiply(h.product(h.scores, h.keys, h.query, first, n))
	l.set(t, starts)
	tops512(n*tile, &h.scores[0], key, &l.starts[0])
	weights512(n, &h.scores[0], key, &l.starts[0], h.factor, &h.pairs[0], n*gemm.BlockBytes)
	h.collect(h.values, first, n)
	copy(lse, l.top[:])
	rows512(len(starts), h.dim, &h.out[0], &l.total[0], &out.X[0], out.LD)
}

// product is that of n panels of keys from first on, or of values, with the blocks of a tile.
func (h *Head) product(sums []float32, panels, blocks []byte, first, n int) gemm.Packed {
	size := h.steps * gemm.PanelBytes
	return gemm.NewPacked(n, h.steps, blocks, h.steps*gemm.BlockBytes, panels[first*size:], size, sums, false)
}

// collect writes to h.out the sums over n panels of keys, from first on, of the pairs times rows of values, or of keys.
func (h *Head) collect(rows []byte, first, n int) {
	size := h.panels * gemm.PanelBytes
	h.multiply(gemm.NewPacked(h.steps, n, h.pairs, n*gemm.BlockBytes, rows[first*gemm.PanelBytes:], size, h.out, false))
}

// multiply computes products in one call, which takes them from the heap.
func (h *Head) multiply(products ...gemm.Packed) {
	h.list = append(h.list[:0], products...)
	gemm.MulPacked(h.list)
}
