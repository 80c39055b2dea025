package graph

import (
	"trit/bitlinear"
	"trit/bitlinear/kernel/vector"
)

// normHeads replaces each head of queries and keys of row r by its RMSNorm, as Qwen3 has it, and keeps what the
// backward pass needs. Norms of queries and keys keep their products from growing (Henry et al.,
// "Query-Key Normalization for Transformers", 2020; Dehghani et al., 2023). Without norms q and k are nil.
func (b *block) normHeads(q, k []float32, r int) {
	if q == nil {
		return
	}
	c, kept := b.config, b.kept
	both, width, d := c.QDim()+c.KVDim(), c.QDim()+2*c.KVDim(), c.HeadDim
	heads := c.NumAttentionHeads + c.NumKeyValueHeads
	x := kept.heads[r*both:][:both]
	copy(x, kept.qkv[r*width:])
	for h := range heads {
		w := q
		if h >= c.NumAttentionHeads {
			w = k
		}
		head := x[h*d:][:d]
		inverse := inverseRMS(head, c.RMSNormEps)
		kept.headNorm[r*heads+h] = inverse
		vector.ScaledProduct(kept.qkv[r*width+h*d:][:d], w, head, inverse)
	}
}

// headsGrad takes the gradient in kept.qkv back through the norms of the heads.
func (b *block) headsGrad(w blockWeights[bitlinear.Weight], dw blockWeights[bitlinear.Grad]) {
	if w.qNorm == nil {
		return
	}
	queries, keys := b.config.NumAttentionHeads, b.config.NumKeyValueHeads
	b.headGrad(w.qNorm, dw.qNorm, 0, queries)
	b.headGrad(w.kNorm, dw.kNorm, queries, queries+keys)
}

// headGrad is headsGrad for the heads [lo,hi), which share the weight w.
func (b *block) headGrad(w, dw []float32, lo, hi int) {
	c, kept := b.config, b.kept
	both, width, d := c.QDim()+c.KVDim(), c.QDim()+2*c.KVDim(), c.HeadDim
	heads := c.NumAttentionHeads + c.NumKeyValueHeads
	b.normGrads(dw, d, func(r int, dNorm []float32, _ *rowScratch) {
		for h := lo; h < hi; h++ {
			rmsNormGrad(kept.qkv[r*width+h*d:][:d], kept.heads[r*both+h*d:][:d], w, dNorm, kept.headNorm[r*heads+h])
		}
	})
}
