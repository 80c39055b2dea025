package graph

import (
	"math"

	"trit/bitlinear"
	"trit/bitlinear/kernel"
	"trit/internal/parallel"
	"trit/model"
)

// rope holds cosine and sine of the rotary angles, [T, head_dim/2] each.
type rope struct {
	half     int
	cos, sin []float32
}

func newRope(length, headDim int, theta float64) *rope {
	r := &rope{half: headDim / 2}
	for t := range length {
		for i := range r.half {
			angle := float64(t) * math.Pow(theta, -float64(2*i)/float64(headDim))
			r.cos, r.sin = append(r.cos, float32(math.Cos(angle))), append(r.sin, float32(math.Sin(angle)))
		}
	}
	return r
}

// rotate turns the pairs (i, i+half) of x by the angles of place t; sign -1 turns back.
func (r *rope) rotate(dst, x []float32, t int, sign float32) {
	cos, sin := r.cos[t*r.half:][:r.half], r.sin[t*r.half:][:r.half]
	for i, c := range cos {
		a, b, s := x[i], x[r.half+i], sin[i]*sign
		dst[i], dst[r.half+i] = a*c-b*s, b*c+a*s
	}
}

// attention is grouped-query causal attention with rotary embedding over qkv
// [M, Q+2KV] -> [M,Q]. A task is one query head of one row of the batch; probabilities
// [T,T] of each are kept for the backward pass.
type attention struct {
	batch, length, heads, kvHeads, headDim, width int
	scale                                         float32
	rope                                          *rope
	starts                                        []int32
	probs                                         []float32 // [B,H,T,T], or [threads...] scratch without a backward pass
	q, k, v, o                                    []float32 // [B,heads,T,hd], rotated
	dq, dk, dv                                    []float32 // gradients of the same shape; dk, dv per query head
	ds                                            []float32 // [B,H,T,T]
}

func newAttention(c *model.Config, batch, length int, r *rope, starts []int32, backward bool) *attention {
	a := &attention{batch: batch, length: length, heads: c.NumAttentionHeads, kvHeads: c.NumKeyValueHeads, headDim: c.HeadDim,
		width: c.QDim() + 2*c.KVDim(), scale: float32(1 / math.Sqrt(float64(c.HeadDim))), rope: r, starts: starts}
	perHead := batch * length * c.HeadDim
	a.q, a.o = make([]float32, a.heads*perHead), make([]float32, a.heads*perHead)
	a.k, a.v = make([]float32, a.kvHeads*perHead), make([]float32, a.kvHeads*perHead)
	a.probs = make([]float32, batch*a.heads*length*length)
	if backward {
		a.dq, a.dk, a.dv = make([]float32, a.heads*perHead), make([]float32, a.heads*perHead), make([]float32, a.heads*perHead)
		a.ds = make([]float32, len(a.probs))
	}
	return a
}

func (a *attention) fn() bitlinear.Func {
	return bitlinear.Func{Name: "attention", Shape: []int{a.batch * a.length, a.heads * a.headDim},
		Forward:  func(in [][]float32, out []float32) { a.forward(in[0], out) },
		Backward: func(_ [][]float32, grad []float32, grads [][]float32) { a.backward(grad, grads[0]) }}
}

// forTasks calls body for each head of each row of the batch.
func (a *attention) forTasks(heads int, body func(b, h int)) {
	parallel.For(a.batch*heads, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			body(i/heads, i%heads)
		}
	})
}

// head is the part [T,hd] of one head in a buffer [B,heads,T,hd].
func (a *attention) head(buf []float32, heads, b, h int) []float32 {
	n := a.length * a.headDim
	return buf[(b*heads+h)*n:][:n]
}

// square is the part [T,T] of one task.
func (a *attention) square(buf []float32, b, h int) []float32 {
	n := a.length * a.length
	return buf[(b*a.heads+h)*n:][:n]
}

// column is where head h of a kind begins in a row of qkv: queries, keys, values.
func (a *attention) column(kind, h int) int {
	return ([3]int{0, a.heads, a.heads + a.kvHeads}[kind] + h) * a.headDim
}

func (a *attention) forward(qkv, out []float32) {
	a.forTasks(a.heads, func(b, h int) { a.gather(a.head(a.q, a.heads, b, h), qkv, b, a.column(0, h), true) })
	a.forTasks(a.kvHeads, func(b, h int) {
		a.gather(a.head(a.k, a.kvHeads, b, h), qkv, b, a.column(1, h), true)
		a.gather(a.head(a.v, a.kvHeads, b, h), qkv, b, a.column(2, h), false)
	})
	a.forTasks(a.heads, func(b, h int) {
		kv, p, o := h*a.kvHeads/a.heads, a.square(a.probs, b, h), a.head(a.o, a.heads, b, h)
		t, d := a.length, a.headDim
		kernel.GemmOneThread(false, true, t, t, d, a.head(a.q, a.heads, b, h), d, a.head(a.k, a.kvHeads, b, kv), d, p, false)
		a.softmax(p, b)
		kernel.GemmOneThread(false, false, t, d, t, p, t, a.head(a.v, a.kvHeads, b, kv), d, o, false)
		for i := range t {
			copy(out[((b*t+i)*a.heads+h)*d:][:d], o[i*d:])
		}
	})
}

// gather copies one head out of the rows of qkv, rotated where asked.
func (a *attention) gather(dst, qkv []float32, b, column int, rotate bool) {
	for t := range a.length {
		src := qkv[(b*a.length+t)*a.width+column:][:a.headDim]
		if rotate {
			a.rope.rotate(dst[t*a.headDim:][:a.headDim], src, t, 1)
		} else {
			copy(dst[t*a.headDim:], src)
		}
	}
}

// softmax turns scores [T,T] into probabilities; what a token may not see is zero.
func (a *attention) softmax(p []float32, b int) {
	for i := range a.length {
		row, start := p[i*a.length:][:a.length], int(a.starts[b*a.length+i])
		clear(row[:start])
		clear(row[i+1:])
		seen := row[start : i+1]
		sum := kernel.ExpScaled(seen, a.scale, kernel.Max(seen))
		kernel.Scale(1/sum, seen)
	}
}

func (a *attention) backward(grad, dqkv []float32) {
	a.forTasks(a.heads, func(b, h int) { a.taskGrad(grad, b, h) })
	a.forTasks(a.heads, func(b, h int) { a.scatter(dqkv, a.head(a.dq, a.heads, b, h), b, a.column(0, h), true) })
	group := a.heads / a.kvHeads
	a.forTasks(a.kvHeads, func(b, kv int) {
		dk, dv := a.head(a.dk, a.heads, b, kv*group), a.head(a.dv, a.heads, b, kv*group)
		for h := kv*group + 1; h < (kv+1)*group; h++ { // query heads that share a key head
			kernel.Axpy(1, a.head(a.dk, a.heads, b, h), dk)
			kernel.Axpy(1, a.head(a.dv, a.heads, b, h), dv)
		}
		a.scatter(dqkv, dk, b, a.column(1, kv), true)
		a.scatter(dqkv, dv, b, a.column(2, kv), false)
	})
}

// taskGrad computes dq, dk and dv of one query head: dP = dO V^T,
// dS = P*(dP - rowsum(P*dP))/sqrt(d), dq = dS K, dk = dS^T Q, dv = P^T dO.
func (a *attention) taskGrad(grad []float32, b, h int) {
	t, d, kv := a.length, a.headDim, h*a.kvHeads/a.heads
	p, ds := a.square(a.probs, b, h), a.square(a.ds, b, h)
	dout, stride := grad[(b*t*a.heads+h)*d:], a.heads*d
	kernel.GemmOneThread(false, true, t, t, d, dout, stride, a.head(a.v, a.kvHeads, b, kv), d, ds, false)
	kernel.GemmOneThread(true, false, t, d, t, p, t, dout, stride, a.head(a.dv, a.heads, b, h), false)
	for i := range t {
		row, probs := ds[i*t:][:t], p[i*t:][:t]
		sum := kernel.Dot(row[:i+1], probs[:i+1])
		for j, q := range probs[:i+1] {
			row[j] = q * (row[j] - sum) * a.scale
		}
		clear(row[i+1:])
	}
	kernel.GemmOneThread(false, false, t, d, t, ds, t, a.head(a.k, a.kvHeads, b, kv), d, a.head(a.dq, a.heads, b, h), false)
	kernel.GemmOneThread(true, false, t, d, t, ds, t, a.head(a.q, a.heads, b, h), d, a.head(a.dk, a.heads, b, h), false)
}

// scatter is the inverse of gather.
func (a *attention) scatter(dqkv, src []float32, b, column int, rotate bool) {
	for t := range a.length {
		dst := dqkv[(b*a.length+t)*a.width+column:][:a.headDim]
		if rotate {
			a.rope.rotate(dst, src[t*a.headDim:][:a.headDim], t, -1)
		} else {
			copy(dst, src[t*a.headDim:][:a.headDim])
		}
	}
}
