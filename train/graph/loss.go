package graph

import (
	"math"
	"slices"

	"trit/bitlinear"
	"trit/bitlinear/kernel"
)

// lossHead is the language-model head with the mean cross entropy over the targets:
// x [M,D], weight [V,D] -> loss.
type lossHead struct {
	rows, width, vocab int
	bf16               bool // backward products in bfloat16
	targets            []int32
	logits             []float32 // [M,V]; the backward pass turns it into its gradient
	lse                []float32 // log of the sum of exponentials of each row
	losses             []float32
	greedy             []bool
	scored             int
}

func newLossHead(rows, width, vocab int, targets []int32) *lossHead {
	return &lossHead{rows: rows, width: width, vocab: vocab, targets: targets, logits: make([]float32, rows*vocab),
		lse: make([]float32, rows), losses: make([]float32, rows), greedy: make([]bool, rows)}
}

func (h *lossHead) fn() bitlinear.Func {
	return bitlinear.Func{Name: "loss", Forward: h.forward, Backward: h.backward}
}

func (h *lossHead) forward(in [][]float32, out []float32) {
	kernel.Gemm(false, true, h.rows, h.vocab, h.width, in[0], in[1], h.logits, false)
	forRows(h.rows, h.vocab, h.score)
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

// score computes loss and rank of the target of one row. The sum runs in float64 over
// chunks, since a vocabulary has many terms.
func (h *lossHead) score(r int) {
	row := h.logits[r*h.vocab:][:h.vocab]
	best := max(0, slices.Index(row, kernel.Max(row))) // none is where a logit is no number
	sum := 0.0
	var e [256]float32
	for lo := 0; lo < len(row); lo += len(e) {
		part := e[:copy(e[:], row[lo:])]
		sum += float64(kernel.ExpScaled(part, 1, row[best]))
	}
	lse := float64(row[best]) + math.Log(sum)
	h.lse[r] = float32(lse)
	h.losses[r], h.greedy[r] = 0, false
	if t := h.targets[r]; t >= 0 {
		h.losses[r], h.greedy[r] = float32(lse-float64(row[t])), best == int(t)
	}
}

// backward turns the logits into their gradient, (softmax - one-hot)/targets.
func (h *lossHead) backward(in [][]float32, _ []float32, grads [][]float32) {
	scale := 1 / float32(max(h.scored, 1))
	forRows(h.rows, h.vocab, func(r int) {
		row := h.logits[r*h.vocab:][:h.vocab]
		if h.targets[r] < 0 {
			clear(row)
			return
		}
		kernel.ExpScaled(row, 1, h.lse[r])
		kernel.Scale(scale, row)
		row[h.targets[r]] -= scale
	})
	if h.bf16 {
		kernel.GemmBF16(false, h.rows, h.width, h.vocab, h.logits, h.vocab, in[1], h.width, grads[0])
		kernel.GemmBF16(true, h.vocab, h.width, h.rows, h.logits, h.vocab, in[0], h.width, grads[1])
		return
	}
	kernel.Gemm(false, false, h.rows, h.width, h.vocab, h.logits, in[1], grads[0], false)
	kernel.Gemm(true, false, h.vocab, h.width, h.rows, h.logits, in[0], grads[1], false)
}
