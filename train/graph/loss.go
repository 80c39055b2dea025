package graph

import (
	"math"
	"slices"

	"trit/bitlinear"
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// chunkLogits is the approximate number of logits that are in memory at a time.
const chunkLogits = 1 << 25

// lossHead is the language-model head with the mean cross entropy over the targets,
// x [M,D], weight [V,D] -> loss. Logits exist for a chunk of tokens at a time; since the
// loss is the last operation, the forward pass makes the gradients of the chunk as well.
type lossHead struct {
	*workspace
	vocab   int
	targets []int32
	zLoss   float32           // weight of the mean of lse^2, which keeps logits from drifting
	dWeight []float32         // [V,D]; nil if none is wanted
	chunk   int               // number of tokens whose logits are in memory at a time
	logits  []float32         // [chunk,V], then replaced by their gradient
	losses  []float32         // [M]
	greedy  []bool            // [M]
	scored  int               // number of targets in the last forward pass
	weight  gemm.Rows         // weight of the last forward pass
	frozen  *bitlinear.Frozen // the weight, if it is no input
	back    bool              // there is a backward pass
	input   []float32         // x of the last forward pass
}

// headChunk is the number of rows of a chunk.
func headChunk(rows, vocab int) int { return min(rows, max(64, chunkLogits/vocab)) }

func newLossHead(ws *workspace, vocab int, o Options, targets []int32) *lossHead {
	h := &lossHead{
		workspace: ws, vocab: vocab, targets: targets, zLoss: float32(o.ZLoss), chunk: headChunk(ws.rows, vocab),
		losses: make([]float32, ws.rows), greedy: make([]bool, ws.rows), back: o.Backward,
	}
	h.logits = make([]float32, h.chunk*vocab)
	return h
}

// fn is the operation; grad is the buffer of the gradient of weight, nil without a backward
// pass or if the weight is frozen.
func (h *lossHead) fn(grad []float32) bitlinear.Func {
	h.dWeight = grad
	grads := [][]float32{h.stream, h.dWeight}
	if h.frozen != nil {
		grads = grads[:1]
	}
	return bitlinear.Func{Name: "loss", Grads: grads, Forward: h.forward,
		Backward: func([][]float32, []float32, [][]float32) {
			if h.frozen == nil && !h.config.TieWordEmbeddings { // the embedding adds to a tied one
				h.done(model.LMHead)
			}
		}}
}

func (h *lossHead) forward(in [][]float32, out []float32) {
	h.input = in[0]
	if h.frozen != nil {
		h.weight = h.frozen.Rows()
	} else {
		h.weight = gemm.Rows{Count: h.vocab, F32: in[1]}
	}
	for lo := 0; lo < h.rows; lo += h.chunk {
		h.scoreChunk(lo, min(lo+h.chunk, h.rows))
	}
	sum := 0.0
	h.scored = 0
	for i, t := range h.targets {
		if t >= 0 {
			sum += float64(h.losses[i])
			h.scored++
		}
	}
	out[0] = float32(sum / float64(max(h.scored, 1)))
}

// scoreChunk computes the losses of the tokens [lo,hi), and the gradients of their sum over M.
func (h *lossHead) scoreChunk(lo, hi int) {
	h.makeLogits(h.logits, lo, hi)
	forRows(h.pool, hi-lo, h.vocab, func(r int) {
		row := h.logits[r*h.vocab:][:h.vocab]
		lse := h.score(lo+r, row)
		if h.wantsGrad() {
			h.rowGrad(row, h.targets[lo+r], lse)
		}
	})
	if !h.wantsGrad() {
		return
	}
	d, n := h.config.HiddenSize, hi-lo
	x := h.input[lo*d : hi*d]
	h.mode.Run(&gemm.Product{M: n, N: d, K: h.vocab, A: h.logits, LDA: h.vocab,
		B: []gemm.Rows{h.weight}, C: [][]float32{h.stream[lo*d : hi*d]}})
	if h.dWeight == nil {
		return
	}
	h.mode.Run(&gemm.Product{M: h.vocab, N: d, K: n, A: h.logits, LDA: h.vocab, TransA: true,
		B: []gemm.Rows{{Count: n, F32: x}}, C: [][]float32{h.dWeight}, Accumulate: h.accumulate || lo > 0})
}

func (h *lossHead) wantsGrad() bool { return h.back && !h.evaluating }

// makeLogits computes the logits of the tokens [lo,hi) of the last input.
func (h *lossHead) makeLogits(dst []float32, lo, hi int) {
	d := h.config.HiddenSize
	h.mode.Run(&gemm.Product{M: hi - lo, N: h.vocab, K: d, A: h.input[lo*d : hi*d], LDA: d,
		B: []gemm.Rows{h.weight}, TransB: true, C: [][]float32{dst[:(hi-lo)*h.vocab]}})
}

// score computes the loss of a token's target and whether it has the largest logit. It returns
// the logarithm of the sum of the exponentials of row. Parts of the sum are added in float64, for
// a vocabulary has many terms.
func (h *lossHead) score(token int, row []float32) (lse float64) {
	best := max(0, slices.Index(row, vector.Max(row))) // there is none if a logit is NaN
	s := h.scratches.Get().(*rowScratch)
	defer h.scratches.Put(s)
	sum := 0.0
	for lo := 0; lo < len(row); lo += sumPart {
		part := s.part[:copy(s.part[:], row[lo:])]
		sum += float64(vector.ExpScaled(part, 1, row[best]))
	}
	lse = float64(row[best]) + math.Log(sum)
	h.losses[token], h.greedy[token] = 0, false
	if t := h.targets[token]; t >= 0 {
		h.losses[token], h.greedy[token] = float32(lse-float64(row[t])), best == int(t)
	}
	return lse
}

// rowGrad turns the logits of a token into the gradient of its loss over M,
// -log p(target) + zLoss*lse^2: (softmax*(1 + 2*zLoss*lse) - onehot)/M.
func (h *lossHead) rowGrad(row []float32, target int32, lse float64) {
	share := 1 / float32(h.rows)
	if target < 0 {
		clear(row)
		return
	}
	vector.ExpScaled(row, 1, float32(lse))
	vector.Scale(share*(1+2*h.zLoss*float32(lse)), row)
	row[target] -= share
}
