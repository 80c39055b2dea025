package graph

import "trit/bitlinear/kernel/causal"

// headsInBF16 reports whether attention is in bfloat16 where products are.
func headsInBF16(bf16 bool) bool { return bf16 && causal.Has() }

// forwardHeads is forward in bfloat16.
func (a *attention) forwardHeads(qkv, out, lse []float32) {
	group := a.heads / a.kvHeads
	forTasks(a, &a.scratch, a.heads, func(b, h int, head *causal.Head) {
		head.Load(a.rows(qkv, b, keyHead, h/group), a.rows(qkv, b, valueHead, h/group))
		head.Attend(a.rows(qkv, b, queryHead, h), a.outRows(out, b, h), a.ofHead(lse, b, h), a.starts[b*a.length:][:a.length])
	})
}

// backwardHeads is backward in bfloat16.
func (a *attention) backwardHeads(qkv, out, lse, grad []float32) {
	group := a.heads / a.kvHeads
	forTasks(a, &a.scratch, a.kvHeads, func(b, kv int, head *causal.Head) {
		k, v := a.rows(qkv, b, keyHead, kv), a.rows(qkv, b, valueHead, kv)
		head.LoadBackward(k, v)
		for h := kv * group; h < (kv+1)*group; h++ {
			head.Gradient(a.rows(qkv, b, queryHead, h), a.outRows(out, b, h), a.outRows(grad, b, h), a.ofHead(lse, b, h),
				a.starts[b*a.length:][:a.length])
		}
		head.StoreGradients(k, v)
	})
}

// rows are the positions of a head of a kind in row b of the batch.
func (a *attention) rows(qkv []float32, b, kind, h int) causal.Rows {
	return causal.Rows{X: a.head(qkv, b, 0, kind, h), LD: a.width}
}

// outRows are the positions of a head in row b of a batch of outputs, or of their gradients.
func (a *attention) outRows(out []float32, b, h int) causal.Rows {
	return causal.Rows{X: out[(b*a.length*a.heads+h)*a.headDim:], LD: a.heads * a.headDim}
}

// ofHead are the values of the queries of a head.
func (a *attention) ofHead(lse []float32, b, h int) []float32 {
	return lse[(b*a.heads+h)*a.length:][:a.length]
}
