package causal

import "trit/bitlinear/kernel/gemm"

// LoadBackward packs the keys and values that Gradient reads, and begins with their gradients.
func (h *Head) LoadBackward(k, v Rows) {
	packPanels(h.keys, k, h.length, h.dim)
	packPanels(h.values, v, h.length, h.dim)
	h.packTransposedPanels(h.keyRows, k)
	h.begun = false
}

// Gradient replaces the queries q of a head by their gradient, given out and lse of Attend and the gradient of out,
// and adds to the gradients of keys and values: dP = dO V^T, dS = P*(dP - sum(O*dO))*scale, dv = P^T dO,
// dk = dS^T Q, dq = dS K.
func (h *Head) Gradient(q, out, grad Rows, lse []float32, starts []int32) {
	for t := 0; t < h.length; t += h.group * tile {
		rows := min(h.group*tile, h.length-t)
		h.gradientGroup(t, q.from(t), out.from(t), grad.from(t), lse[t:][:rows], starts[t:][:rows])
	}
	h.begun = true
}

// StoreGradients writes the gradients of keys and values of all heads since LoadBackward.
func (h *Head) StoreGradients(k, v Rows) {
	for s := range h.steps {
		at, cols := s*h.panels*tileSums, min(tile, h.dim-s*tile)
		gemm.StoreSums(k.X[s*tile:], k.LD, h.keySums[at:], h.keyFactor[:h.length], cols)
		gemm.StoreSums(v.X[s*tile:], v.LD, h.valueSums[at:], h.valueUnit[:h.length], cols)
	}
}

func (h *Head) gradientGroup(t int, q, out, grad Rows, lse []float32, starts []int32) {
	packBlocks(h.queries, q, len(starts), h.dim, h.group)
	packBlocks(h.grads, grad, len(starts), h.dim, h.group)
	for i := 0; i < len(starts); i += tile {
		end := min(i+tile, len(starts))
		h.prepare(t+i, out.from(i), grad.from(i), lse[i:end], starts[i:end])
		h.gradientTile(i/tile, t+i, q.from(i), grad.from(i), starts[i:end])
	}
	h.addSums(t, starts)
}

// prepare sets the lanes of the queries of a tile from t on.
func (h *Head) prepare(t int, out, grad Rows, lse []float32, starts []int32) {
	l := &h.lanes
	l.set(t, starts)
	copy(l.top[:], lse)
	dots512(len(lse), h.dim, &l.total[0], &out.X[0], out.LD, &grad.X[0], grad.LD)
}

// gradientTile computes dq, P^T and dS^T of tile i of a group, whose first query is query t.
func (h *Head) gradientTile(i, t int, q, grad Rows, starts []int32) {
	h.packTransposedBlocks(h.query, q, len(starts))
	h.packTransposedBlocks(h.grad, grad, len(starts))
	first, end := seen(t, starts)
	for p := first; p < end; p += chunkPanels {
		n, at := min(chunkPanels, end-p), (p*h.group+i)*gemm.PanelBytes
		h.multiply(h.product(h.scores, h.keys, h.query, p, n), h.product(h.dWeights, h.values, h.grad, p, n))
		gradients512(n, &h.scores[0], &h.dWeights[0], int32(p*tile), &h.lanes.starts[0], h.factor,
			&h.weights[at], &h.dScores[at], h.group*gemm.PanelBytes,
			&h.pairs[(p-first)*gemm.BlockBytes], (end-first)*gemm.BlockBytes)
	}
	h.collect(h.keyRows, first, end-first)
	rows512(len(starts), h.dim, &h.out[0], &h.keyFactor[0], &q.X[0], q.LD)
}

// addSums adds to dv and dk what the tiles of a group have, whose first query is query t.
func (h *Head) addSums(t int, starts []int32) {
	for s := range h.steps {
		h.addColumns(h.valueSums, h.weights, h.grads, s, t, starts)
		h.addColumns(h.keySums, h.dScores, h.queries, s, t, starts)
	}
}

// addColumns adds 32 columns of the products of panels by blocks. The keys beside the queries of the group themselves
// have no sums yet, unless of another head.
func (h *Head) addColumns(sums []float32, panels, blocks []byte, s, t int, starts []int32) {
	h.list = h.list[:0]
	size := h.group * gemm.BlockBytes
	first, _ := seen(t, starts)
	for p, last := first, (t+len(starts)-1)/tile; p <= last; p++ {
		lo, hi := max(0, p-t/tile), tilesThatSee(p, starts)
		h.list = append(h.list, gemm.NewPacked(1, hi-lo, blocks[2*s*size+lo*gemm.BlockBytes:], size,
			panels[(p*h.group+lo)*gemm.PanelBytes:], 0, sums[(s*h.panels+p)*tileSums:], h.begun || p < t/tile))
	}
	gemm.MulPacked(h.list)
}

// tilesThatSee is the number of tiles of a group whose first query sees panel p of keys, if it is not behind it.
func tilesThatSee(p int, starts []int32) (n int) {
	for n*tile < len(starts) && int(starts[n*tile])/tile <= p {
		n++
	}
	return n
}
