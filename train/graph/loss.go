package graph

import (
	"math"
	"slices"

	"trit/bitlinear"
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// chunkLogits and chunkRows bound what is in memory at a time: logits and, in bfloat16, their gradients. More
// rows would not make the products faster.
const (
	chunkLogits = 3 << 23
	chunkRows   = 1024
)

// objective is what the head minimises. Tokens without a target have no loss, and no method is
// called for them. The methods with a token are called for several at the same time.
type objective interface {
	// loss is the loss of a token, by its logits and the logarithm of the sum of their exponentials.
	loss(token int, row []float32, lse float64) float64
	// total is the sum that is minimised, and the number of things that it is over, by the losses of
	// all tokens.
	total(losses []float32) (sum float64, count int)
	// begin is called before the gradients of the tokens [lo,hi) are asked for.
	begin(lo, hi int)
	// gradient writes the gradient of the total times share, by the logits of a token, to dst.
	gradient(token int, dst, row []float32, lse float64, share float32)
	// together reports whether a gradient depends on the losses of other tokens, so that total has to be
	// called before.
	together() bool
}

// lossHead is the language-model head with the mean of an objective, x [M,D], weight [V,D] -> loss.
// Logits exist for a chunk of tokens at a time; since the loss is the last operation, the forward
// pass makes the gradients as well.
type lossHead struct {
	*workspace
	vocab     int
	targets   []int32
	objective objective
	back      bool              // there is a backward pass
	dWeight   []float32         // [V,D]; nil if none is wanted
	chunk     int               // number of tokens whose logits are in memory at a time
	logits    []float32         // [chunk,V]; in float32 then replaced by their gradient
	losses    []float32         // [M]
	lse       []float64         // [M] logarithms of the sums of the exponentials of the logits
	greedy    []bool            // [M]
	scored    int               // count of the objective in the last forward pass
	weight    gemm.Rows         // weight of the last forward pass
	frozen    *bitlinear.Frozen // the weight, if it is no input
	input     []float32         // x of the last forward pass
}

// headChunk is the number of rows of a chunk, about the same for all chunks.
func headChunk(rows, vocab int) int {
	most := max(64, min(chunkRows, chunkLogits/vocab))
	chunks := (rows + most - 1) / most
	return (rows + chunks - 1) / chunks
}

// newLossHead makes a head; back says that there is a backward pass.
func newLossHead(ws *workspace, vocab int, o objective, targets []int32, back bool) *lossHead {
	h := &lossHead{
		workspace: ws, vocab: vocab, objective: o, targets: targets, back: back, chunk: headChunk(ws.rows, vocab),
		losses: make([]float32, ws.rows), lse: make([]float64, ws.rows), greedy: make([]bool, ws.rows),
	}
	h.logits = memory.Make[float32](h.chunk * vocab)
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
		w := h.table.head(h.mode, in[1], h.vocab, h.config.TieWordEmbeddings)
		h.weight = gemm.Rows{Count: h.vocab, F32: w}
	}
	together := h.objective.together()
	h.pass(true, h.wantsGrad() && !together)
	sum, count := h.objective.total(h.losses)
	h.scored, out[0] = count, float32(sum/float64(max(count, 1)))
	if together && h.wantsGrad() {
		h.pass(false, true)
	}
}

// pass goes through all tokens, chunk by chunk, and computes their losses, or their gradients from
// the losses, or both at once.
func (h *lossHead) pass(score, grad bool) {
	for lo := 0; lo < h.rows; lo += h.chunk {
		hi := min(lo+h.chunk, h.rows)
		if !grad && slices.Max(h.targets[lo:hi]) < 0 { // as of a teacher, whose logits are all that is asked for
			clear(h.losses[lo:hi])
			clear(h.greedy[lo:hi])
			continue
		}
		if score || h.chunk < h.rows { // the logits of a single chunk are there still
			h.makeLogits(h.logits, lo, hi)
		}
		if grad {
			h.objective.begin(lo, hi)
			h.resetGrad(hi - lo)
		}
		forRows(h.pool, hi-lo, h.vocab, func(r int) {
			row := h.logits[r*h.vocab:][:h.vocab]
			if score {
				h.score(lo+r, row)
			}
			if grad {
				h.rowGrad(lo+r, r, row)
			}
		})
		if grad {
			h.addGradients(lo, hi)
		}
	}
}

// resetGrad makes room for the gradients of some rows.
func (h *lossHead) resetGrad(rows int) {
	if h.mode.BF16 {
		h.scratch.Grad.Reset(rows, h.vocab)
	}
}

// keepGrad makes row r of the left side of the products with the gradient. In bfloat16 that is packed while it is in
// the caches, and the logits stay as they are: memory need not take them back.
func (h *lossHead) keepGrad(r int, row, grad []float32) {
	if h.mode.BF16 {
		h.scratch.Grad.SetRow(r, 0, grad, 1)
		return
	}
	copy(row, grad)
}

// addGradients takes the gradients of the logits of the tokens [lo,hi) back to input and weight.
func (h *lossHead) addGradients(lo, hi int) {
	d, n := h.config.HiddenSize, hi-lo
	p := h.ofGrad(false)
	p.M, p.N, p.K, p.B, p.C = n, d, h.vocab, []gemm.Rows{h.weight}, [][]float32{h.stream[lo*d : hi*d]}
	h.mode.Run(p)
	if h.dWeight == nil {
		return
	}
	p = h.ofGrad(true)
	p.M, p.N, p.K, p.B, p.C = h.vocab, d, n, []gemm.Rows{{Count: n, F32: h.input[lo*d : hi*d]}}, [][]float32{h.dWeight}
	p.Accumulate, p.Late = h.accumulate || lo > 0, true
	h.mode.Run(p)
}

// ofGrad is a product whose left side is the gradient of the logits, or its transpose.
func (h *lossHead) ofGrad(transposed bool) *gemm.Product {
	if h.mode.BF16 {
		return &gemm.Product{Left: &h.scratch.Grad, TransA: transposed}
	}
	return &gemm.Product{A: h.logits, LDA: h.vocab, TransA: transposed}
}

func (h *lossHead) wantsGrad() bool { return h.back && !h.evaluating }

// makeLogits computes the logits of the tokens [lo,hi) of the last input, under the soft cap of the model.
func (h *lossHead) makeLogits(dst []float32, lo, hi int) {
	d := h.config.HiddenSize
	h.mode.Run(&gemm.Product{M: hi - lo, N: h.vocab, K: d, A: h.input[lo*d : hi*d], LDA: d,
		B: []gemm.Rows{h.weight}, TransB: true, C: [][]float32{dst[:(hi-lo)*h.vocab]}})
	if limit := h.softCap(); limit != 0 {
		forRows(h.pool, hi-lo, h.vocab, func(r int) { vector.SoftCap(dst[r*h.vocab:][:h.vocab], limit) })
	}
}

// softCap bounds the logits; 0: nothing does.
func (h *lossHead) softCap() float32 { return float32(h.config.FinalLogitSoftcapping) }

// score computes the loss of a token's target and whether it has the largest logit, the first of those that do.
func (h *lossHead) score(token int, row []float32) {
	top := vector.Max(row)
	h.lse[token] = logSumExp(row, 1, top)
	h.losses[token], h.greedy[token] = 0, false
	if t := h.targets[token]; t >= 0 {
		h.losses[token] = float32(h.objective.loss(token, row, h.lse[token]))
		h.greedy[token] = row[t] == top && !slices.Contains(row[:t], top)
	}
}

// logSumExp is the logarithm of the sum of exp(scale*x) over a row with the largest value top. Parts of the sum are
// added in float64, for a vocabulary has many terms.
func logSumExp(row []float32, scale, top float32) float64 {
	sum := 0.0
	for lo := 0; lo < len(row); lo += sumPart {
		sum += float64(vector.ExpSum(row[lo:min(lo+sumPart, len(row))], scale, top))
	}
	return float64(scale)*float64(top) + math.Log(sum)
}

// rowGrad makes the gradient of the objective's sum over M by the logits of a token, which are row r of a chunk.
func (h *lossHead) rowGrad(token, r int, row []float32) {
	s := h.scratches.Get().(*rowScratch)
	defer h.scratches.Put(s)
	s.logits = slices.Grow(s.logits[:0], h.vocab)[:h.vocab]
	if h.targets[token] < 0 {
		clear(s.logits)
	} else {
		h.objective.gradient(token, s.logits, row, h.lse[token], 1/float32(h.rows))
		if limit := h.softCap(); limit != 0 {
			vector.SoftCapGrad(s.logits, row, limit)
		}
	}
	h.keepGrad(r, row, s.logits)
}

// crossEntropy is the objective -log p(target) + zLoss*lse^2, of which loss is the first part.
type crossEntropy struct {
	targets []int32
	zLoss   float32 // it keeps logits from drifting
}

func (o *crossEntropy) together() bool { return false }

func (o *crossEntropy) begin(int, int) {}

func (o *crossEntropy) loss(token int, row []float32, lse float64) float64 {
	return lse - float64(row[o.targets[token]])
}

func (o *crossEntropy) total(losses []float32) (sum float64, count int) {
	for i, t := range o.targets {
		if t >= 0 {
			sum += float64(losses[i])
			count++
		}
	}
	return sum, count
}

// gradient is softmax*(1 + 2*zLoss*lse) - onehot.
func (o *crossEntropy) gradient(token int, dst, row []float32, lse float64, share float32) {
	for lo := 0; lo < len(row); lo += sumPart { // which stays in the first cache
		part := dst[lo:min(lo+sumPart, len(row))]
		copy(part, row[lo:])
		vector.ExpScaled(part, 1, float32(lse))
		vector.Scale(share*(1+2*o.zLoss*float32(lse)), part)
	}
	dst[o.targets[token]] -= share
}
