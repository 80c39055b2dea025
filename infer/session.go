package infer

import (
	"fmt"
	"math"

	"trit/bitlinear/kernel"
	"trit/internal/parallel"
	"trit/model"
)

// maxBatch is how many tokens of a prompt go through the layers together: enough to
// use each weight often, few enough to stay in the cache.
const maxBatch = 64

// Session is a sequence of tokens with its KV cache. It is for one goroutine.
type Session struct {
	m        *Model
	capacity int
	length   int
	keys     [][]float32 // per layer, [capacity, kv dim]
	values   [][]float32
	x        []float32 // [batch, D] residual stream
	in       activations
	q, k, v  []float32
	att, out []float32
	gate, up []float32
	last     activations
	rope     angles
}

// NewSession makes room for capacity tokens.
func (m *Model) NewSession(capacity int) (*Session, error) {
	if capacity < 1 {
		return nil, fmt.Errorf("a session of %d tokens: want at least 1", capacity)
	}
	c := &m.config
	s := &Session{m: m, capacity: capacity}
	for range m.layers {
		s.keys = append(s.keys, make([]float32, capacity*c.KVDim()))
		s.values = append(s.values, make([]float32, capacity*c.KVDim()))
	}
	b := min(maxBatch, capacity)
	s.x, s.out = make([]float32, b*c.HiddenSize), make([]float32, b*c.HiddenSize)
	s.in.x = make([]float32, b*max(c.HiddenSize, c.QDim(), c.IntermediateSize))
	s.q, s.att = make([]float32, b*c.QDim()), make([]float32, b*c.QDim())
	s.k, s.v = make([]float32, b*c.KVDim()), make([]float32, b*c.KVDim())
	s.gate, s.up = make([]float32, b*c.IntermediateSize), make([]float32, b*c.IntermediateSize)
	s.rope = m.rope.extend(capacity)
	return s, nil
}

// Len is the number of tokens in the cache.
func (s *Session) Len() int { return s.length }

// Capacity is the number of tokens that there is room for.
func (s *Session) Capacity() int { return s.capacity }

// Truncate forgets all but the first n tokens.
func (s *Session) Truncate(n int) { s.length = max(0, min(n, s.length)) }

// Forward appends ids to the sequence and writes the logits after ids[from:], [len(ids)-from, V];
// logits may be nil.
func (s *Session) Forward(ids []int32, logits []float32, from int) error {
	vocab := s.m.config.VocabSize
	if s.length+len(ids) > s.capacity {
		return fmt.Errorf("%d tokens after %d: the session has room for %d", len(ids), s.length, s.capacity)
	}
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("token id %d is not in the vocabulary of %d", id, vocab)
		}
	}
	if logits != nil && (from < 0 || from > len(ids) || len(logits) != (len(ids)-from)*vocab) {
		return fmt.Errorf("%d logits from token %d of %d on: want %d values a token", len(logits), from, len(ids), vocab)
	}
	for at := 0; at < len(ids); at += maxBatch {
		batch := ids[at:min(at+maxBatch, len(ids))]
		s.batch(batch)
		if logits == nil || from >= at+len(batch) {
			continue
		}
		first := max(from, at)
		s.head(logits[(first-from)*vocab:], first-at, len(batch))
	}
	return nil
}

// batch runs the blocks on a few tokens.
func (s *Session) batch(ids []int32) {
	c := &s.m.config
	for i, id := range ids {
		s.m.embedding.row(s.x[i*c.HiddenSize:][:c.HiddenSize], int(id))
	}
	for l := range s.m.layers {
		s.attentionBlock(l, len(ids))
		s.feedForwardBlock(l, len(ids))
	}
	s.length += len(ids)
}

// head computes the logits of the rows [lo,hi) of the batch.
func (s *Session) head(logits []float32, lo, hi int) {
	c := &s.m.config
	n, d := hi-lo, c.HiddenSize
	s.last.x, s.last.k, s.last.valid = grow(s.last.x, n*d), d, false
	s.norm(s.last.x, s.x[lo*d:], s.m.finalNorm, n)
	s.m.head.mul(logits[:n*c.VocabSize], &s.last, n)
}

// norm writes the RMSNorm of rows of x.
func (s *Session) norm(dst, x, w []float32, rows int) {
	d := len(w)
	for t := range rows {
		in, out := x[t*d:][:d], dst[t*d:][:d]
		inv := float32(1 / math.Sqrt(float64(kernel.Dot(in, in))/float64(d)+s.m.config.RMSNormEps))
		for i, v := range in {
			out[i] = w[i] * (v * inv)
		}
	}
}

// input makes the norm of x (or x itself) the input of the next products.
func (s *Session) input(x, w []float32, rows, width int) {
	s.in.k, s.in.valid = width, false
	if w == nil {
		copy(s.in.x, x[:rows*width])
		return
	}
	s.norm(s.in.x, x, w, rows)
}

func (s *Session) attentionBlock(l, rows int) {
	c, w := &s.m.config, &s.m.layers[l]
	s.input(s.x, w.inputNorm, rows, c.HiddenSize)
	w.q.mul(s.q[:rows*c.QDim()], &s.in, rows)
	w.k.mul(s.k[:rows*c.KVDim()], &s.in, rows)
	w.v.mul(s.v[:rows*c.KVDim()], &s.in, rows)
	for t := range rows {
		s.rope.rotate(s.q[t*c.QDim():][:c.QDim()], s.length+t, s.m.interleaved)
		s.rope.rotate(s.k[t*c.KVDim():][:c.KVDim()], s.length+t, s.m.interleaved)
	}
	copy(s.keys[l][s.length*c.KVDim():], s.k[:rows*c.KVDim()])
	copy(s.values[l][s.length*c.KVDim():], s.v[:rows*c.KVDim()])
	s.attend(l, rows)
	s.input(s.att, w.attnSubNorm, rows, c.QDim())
	w.o.mul(s.out[:rows*c.HiddenSize], &s.in, rows)
	kernel.Axpy(1, s.out[:rows*c.HiddenSize], s.x[:rows*c.HiddenSize])
}

// attend computes grouped-query causal attention over the cache.
func (s *Session) attend(l, rows int) {
	c := &s.m.config
	d, kvDim, group := c.HeadDim, c.KVDim(), c.NumAttentionHeads/c.NumKeyValueHeads
	scale := float32(1 / math.Sqrt(float64(d)))
	grain := max(1, 1<<14/((s.length+rows)*d))
	parallel.For(rows*c.NumAttentionHeads, grain, func(lo, hi int) {
		scores := make([]float32, s.length+rows)
		for i := lo; i < hi; i++ {
			t, h := i/c.NumAttentionHeads, i%c.NumAttentionHeads
			seen, q, column := s.length+t+1, s.q[i*d:][:d], h/group*d
			top := float32(math.Inf(-1))
			for p := range seen {
				scores[p] = kernel.Dot(q, s.keys[l][p*kvDim+column:][:d])
				top = max(top, scores[p])
			}
			kernel.ExpScaled(scores[:seen], scale, top)
			var sum float32
			out := s.att[i*d:][:d]
			clear(out)
			for p, e := range scores[:seen] {
				sum += e
				kernel.Axpy(e, s.values[l][p*kvDim+column:][:d], out)
			}
			kernel.Scale(1/sum, out)
		}
	})
}

func (s *Session) feedForwardBlock(l, rows int) {
	c, w := &s.m.config, &s.m.layers[l]
	s.input(s.x, w.postNorm, rows, c.HiddenSize)
	n := rows * c.IntermediateSize
	w.gate.mul(s.gate[:n], &s.in, rows)
	w.up.mul(s.up[:n], &s.in, rows)
	activate(s.gate[:n], s.up[:n], c.HiddenAct)
	s.input(s.gate, w.ffnSubNorm, rows, c.IntermediateSize)
	w.down.mul(s.out[:rows*c.HiddenSize], &s.in, rows)
	kernel.Axpy(1, s.out[:rows*c.HiddenSize], s.x[:rows*c.HiddenSize])
}

// activate replaces gate by act(gate)*up.
func activate(gate, up []float32, act string) {
	for i, g := range gate {
		if act == model.ReLU2 {
			g = max(g, 0)
			gate[i] = g * g * up[i]
		} else {
			gate[i] = g * (1 / (1 + kernel.Exp(-g))) * up[i]
		}
	}
}
