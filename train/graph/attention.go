package graph

import (
	"math"
	"sync"

	"trit/bitlinear"
	"trit/bitlinear/kernel/causal"
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// rope holds cosine and sine of model.Rotary, [T, half] each; the first 2*half values of each
// head are turned.
type rope struct {
	half               int
	cos, sin, minusSin []float32
}

func newRope(length int, c *model.Config) *rope {
	half, rotary := c.RotaryDim()/2, c.Rotary(length)
	angles := func() []float32 { return make([]float32, length*half) }
	r := &rope{half: half, cos: angles(), sin: angles(), minusSin: angles()}
	for t := range length {
		rotary.Angles(t, r.cos[t*half:], r.sin[t*half:])
	}
	for i, s := range r.sin {
		r.minusSin[i] = -s
	}
	return r
}

// rotate turns the pairs (i, i+half) of a head x by the angles of position t and multiplies
// them by the magnitude. back is the transpose of that, which takes gradients back.
func (r *rope) rotate(x []float32, t int, back bool) {
	sin := r.sin
	if back {
		sin = r.minusSin
	}
	at := t * r.half
	vector.Rotate(x[:r.half], x[r.half:2*r.half], r.cos[at:][:r.half], sin[at:][:r.half])
}

// queryTile is the number of queries of a tile. Only the scores of one tile, [queryTile,T], are
// in memory at a time, not the whole matrix [T,T]. The backward pass computes them again.
const queryTile = 64

// attention is grouped-query causal attention with rotary embedding, in place over
// qkv [M, Q+2KV].
type attention struct {
	batch, length, heads, kvHeads, headDim, width int
	scale                                         float32
	rope                                          *rope
	mode                                          *bitlinear.Mode
	pool                                          *parallel.Pool
	starts                                        []int32
	buffers                                       sync.Pool // of *tileBuffers
	scratch                                       sync.Pool // of *causal.Head, for products in bfloat16
}

// tileBuffers are the scratch of one thread.
type tileBuffers struct {
	scores, grads []float32 // [queryTile,T]
	out           []float32 // [queryTile,head_dim]
	dk, dv        []float32 // [T,head_dim]
}

func newAttention(c *model.Config, mode *bitlinear.Mode, o Options, starts []int32) *attention {
	a := &attention{
		batch: o.Batch, length: o.SequenceLength,
		heads: c.NumAttentionHeads, kvHeads: c.NumKeyValueHeads, headDim: c.HeadDim,
		width: c.QDim() + 2*c.KVDim(), scale: float32(1 / math.Sqrt(float64(c.HeadDim))),
		rope: newRope(o.SequenceLength, c), mode: mode, pool: parallel.New(o.Threads), starts: starts,
	}
	a.buffers.New = func() any { return a.newBuffers(o.Backward && !headsInBF16(o.BF16)) }
	a.scratch.New = func() any { return causal.New(a.length, a.headDim, a.scale, o.Backward) }
	return a
}

func (a *attention) newBuffers(backward bool) *tileBuffers {
	b := &tileBuffers{scores: make([]float32, queryTile*a.length), out: make([]float32, queryTile*a.headDim)}
	if backward {
		b.grads = make([]float32, queryTile*a.length)
		b.dk, b.dv = make([]float32, a.length*a.headDim), make([]float32, a.length*a.headDim)
	}
	return b
}

// forTasks calls body for each head of each row of the batch, with scratch of its thread.
func forTasks[T any](a *attention, scratch *sync.Pool, heads int, body func(b, h int, s T)) {
	a.pool.Chunks(a.batch*heads, 1, func(lo, hi int) {
		s := scratch.Get().(T)
		defer scratch.Put(s)
		for i := lo; i < hi; i++ {
			body(i/heads, i%heads, s)
		}
	})
}

// Kinds of a head's columns in a row of qkv.
const (
	queryHead = iota
	keyHead
	valueHead
)

// firstColumn is the first column of head h of a kind in a row of qkv.
func (a *attention) firstColumn(kind, h int) int {
	return ([3]int{0, a.heads, a.heads + a.kvHeads}[kind] + h) * a.headDim
}

// head is the slice of qkv that begins with head h of a kind at position t of row b of the batch.
// Positions are width values apart.
func (a *attention) head(qkv []float32, b, t, kind, h int) []float32 {
	return qkv[(b*a.length+t)*a.width+a.firstColumn(kind, h):]
}

// rotate turns the queries and keys of row r of qkv by the angles of its position in its document, or
// back. Distances alone matter, but for rounding: so a document has the same angles wherever it lies.
func (a *attention) rotate(qkv []float32, r int, back bool) {
	row, position := qkv[r*a.width:][:a.width], r%a.length-int(a.starts[r])
	for h := range a.heads + a.kvHeads { // keys follow the queries
		a.rope.rotate(row[h*a.headDim:], position, back)
	}
}

// rotateAll is rotate for all rows.
func (a *attention) rotateAll(qkv []float32, back bool) {
	forRows(a.pool, a.batch*a.length, a.width, func(r int) { a.rotate(qkv, r, back) })
}

// forward reads the rotated qkv and writes out [M,Q], and for the backward pass to lse
// [B,heads,T] the logarithm of each query's sum of exponentials, over scale.
func (a *attention) forward(qkv, out, lse []float32) {
	if headsInBF16(a.mode.BF16) {
		a.forwardHeads(qkv, out, lse)
		return
	}
	forTasks(a, &a.buffers, a.heads, func(b, h int, buf *tileBuffers) {
		for t := 0; t < a.length; t += queryTile {
			tile := a.tile(qkv, b, h, t, buf)
			tile.attend(lse[(b*a.heads+h)*a.length+t:])
			for i := range tile.rows {
				copy(out[((b*a.length+t+i)*a.heads+h)*a.headDim:][:a.headDim], buf.out[i*a.headDim:])
			}
		}
	})
}

// tile is up to queryTile queries of a head with the keys that any of them may attend to.
type tile struct {
	*attention
	*tileBuffers
	rows        int       // queries
	first, keys int       // position of the first key, and number of keys
	starts      []int32   // of the queries
	position    int       // position of the first query
	q, k, v     []float32 // rows are width apart
}

func (a *attention) tile(qkv []float32, b, h, t int, buf *tileBuffers) tile {
	rows := min(queryTile, a.length-t)
	starts := a.starts[b*a.length+t:][:rows]
	first, kv := int(starts[0]), h*a.kvHeads/a.heads
	return tile{
		attention: a, tileBuffers: buf,
		rows: rows, first: first, keys: t + rows - first, starts: starts, position: t,
		q: a.head(qkv, b, t, queryHead, h), k: a.head(qkv, b, first, keyHead, kv), v: a.head(qkv, b, first, valueHead, kv),
	}
}

// multiplyScores computes the scores of the tile, [rows,keys], before scaling.
func (t *tile) multiplyScores() {
	gemm.MulOneThread(false, true, t.rows, t.keys, t.headDim, t.q, t.width, t.k, t.width, t.scores, false)
}

// seen is the range of row i of a matrix [rows,keys] that the query may attend to.
func (t *tile) seen(i int) (lo, hi int) {
	return int(t.starts[i]) - t.first, t.position + i + 1 - t.first
}

// hidden is a score whose exponential is 0 beside any other.
const hidden = -1e30

// row returns the scores of the keys that query i may attend to, followed by hidden scores that
// fill whole registers if the row is long enough; seen is the number of the former. It clears the
// other scores of the row.
func (t *tile) row(i int) (row []float32, seen int) {
	lo, hi := t.seen(i)
	row = t.scores[i*t.keys:][:t.keys]
	end := min(t.keys, hi+(lo-hi)&15)
	clear(row[:lo])
	for j := hi; j < end; j++ {
		row[j] = hidden
	}
	clear(row[end:])
	return row[lo:end], hi - lo
}

// attend writes out and lse of the tile.
func (t *tile) attend(lse []float32) {
	t.multiplyScores()
	for i := range t.rows {
		row, seen := t.row(i)
		top := vector.Max(row)
		sum := vector.ExpScaled(row, t.scale, top)
		vector.Scale(1/sum, row)
		clear(row[seen:])
		lse[i] = top + float32(math.Log(float64(sum)))/t.scale
	}
	gemm.MulOneThread(false, false, t.rows, t.headDim, t.keys, t.scores, t.keys, t.v, t.width, t.out, false)
}

// backward replaces the rotated qkv by its gradient, given the
// gradient of out, grad [M,Q]. A task is a key head with all its queries, so no other task
// reads what it replaces.
func (a *attention) backward(qkv, out, lse, grad []float32) {
	if headsInBF16(a.mode.BF16) {
		a.backwardHeads(qkv, out, lse, grad)
	} else {
		a.backwardTiles(qkv, out, lse, grad)
	}
}

// backwardTiles is backward in float32.
func (a *attention) backwardTiles(qkv, out, lse, grad []float32) {
	group := a.heads / a.kvHeads
	forTasks(a, &a.buffers, a.kvHeads, func(b, kv int, buf *tileBuffers) {
		clear(buf.dk)
		clear(buf.dv)
		for h := kv * group; h < (kv+1)*group; h++ {
			for t := 0; t < a.length; t += queryTile {
				tile, at := a.tile(qkv, b, h, t, buf), ((b*a.length+t)*a.heads+h)*a.headDim
				tile.gradient(out[at:], grad[at:], lse[(b*a.heads+h)*a.length+t:])
			}
		}
		for t := range a.length {
			copy(a.head(qkv, b, t, keyHead, kv)[:a.headDim], buf.dk[t*a.headDim:])
			copy(a.head(qkv, b, t, valueHead, kv)[:a.headDim], buf.dv[t*a.headDim:])
		}
	})
}

// gradient adds the tile's part to dk and dv and replaces its queries by their gradient:
// dP = dO V^T, dS = P*(dP - sum(O*dO))*scale, dv = P^T dO, dk = dS^T Q, dq = dS K. Rows of
// out and dout are heads*head_dim apart.
func (t *tile) gradient(out, dout, lse []float32) {
	n, d, stride := t.keys, t.headDim, t.heads*t.headDim
	t.multiplyScores()
	gemm.MulOneThread(false, true, t.rows, n, d, dout, stride, t.v, t.width, t.grads, false)
	for i := range t.rows {
		probs, seen := t.row(i)
		vector.ExpScaled(probs, t.scale, lse[i])
		clear(probs[seen:])
		lo, hi := t.seen(i)
		ds := t.grads[i*n:][:n]
		clear(ds[:lo])
		clear(ds[hi:])
		mean := vector.Dot(out[i*stride:][:d], dout[i*stride:][:d])
		vector.ScaledProduct(ds[lo:hi], probs[:seen], ds[lo:hi], t.scale)
		vector.Axpy(-mean*t.scale, probs[:seen], ds[lo:hi])
	}
	dk, dv := t.dk[t.first*d:], t.dv[t.first*d:]
	gemm.MulOneThread(true, false, n, d, t.rows, t.scores, n, dout, stride, dv, true)
	gemm.MulOneThread(true, false, n, d, t.rows, t.grads, n, t.q, t.width, dk, true)
	gemm.MulOneThread(false, false, t.rows, d, n, t.grads, n, t.k, t.width, t.out, false)
	for i := range t.rows {
		copy(t.q[i*t.width:][:d], t.out[i*d:])
	}
}
