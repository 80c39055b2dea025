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
const maxBatch = 264

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
	logits   []float32
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

// Step appends ids and returns the token that the sampler chooses to follow them.
func (s *Session) Step(ids []int32, sampler *Sampler) (int32, error) {
	if len(ids) == 0 {
		return 0, fmt.Errorf("a step of no tokens: give at least one")
	}
	if err := s.Forward(ids, nil, 0); err != nil {
		return 0, err
	}
	last := (len(ids) - 1) % maxBatch
	if h, ok := s.m.head.(*boundedHead); ok {
		s.finalNorm(last, last+1)
		if id, ok := sampler.sampleBounded(h.logits(s.last.x)); ok {
			return id, nil
		}
	}
	s.logits = grow(s.logits, s.m.config.VocabSize)
	s.head(s.logits, last, last+1)
	return sampler.Sample(s.logits), nil
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
	s.finalNorm(lo, hi)
	s.m.head.mul(logits[:(hi-lo)*s.m.config.VocabSize], &s.last, hi-lo)
}

// finalNorm makes the rows [lo,hi) of the batch the input of the head.
func (s *Session) finalNorm(lo, hi int) {
	d := s.m.config.HiddenSize
	s.last.x, s.last.k, s.last.valid = grow(s.last.x, (hi-lo)*d), d, false
	s.norm(s.last.x, s.x[lo*d:], s.m.finalNorm, hi-lo)
}

// norm writes the RMSNorm of rows of x.
func (s *Session) norm(dst, x, w []float32, n int) {
	d := len(w)
	rows(n, d, func(t int) {
		in := x[t*d:][:d]
		inv := float32(1 / math.Sqrt(float64(kernel.Dot(in, in))/float64(d)+s.m.config.RMSNormEps))
		kernel.ScaledProduct(dst[t*d:], w, in, inv)
	})
}

// input makes the norm of x (or x itself) the input of the next products.
func (s *Session) input(x, w []float32, n, width int) {
	s.in.k, s.in.valid = width, false
	if w == nil {
		copy(s.in.x, x[:n*width])
		return
	}
	s.norm(s.in.x, x, w, n)
}

func (s *Session) attentionBlock(l, n int) {
	c, w := &s.m.config, &s.m.layers[l]
	s.input(s.x, w.inputNorm, n, c.HiddenSize)
	w.q.mul(s.q[:n*c.QDim()], &s.in, n)
	w.k.mul(s.k[:n*c.KVDim()], &s.in, n)
	w.v.mul(s.v[:n*c.KVDim()], &s.in, n)
	parallel.For(n, max(1, 1<<13/c.QDim()), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			s.rope.rotate(s.q[t*c.QDim():][:c.QDim()], s.length+t, s.m.interleaved)
			s.rope.rotate(s.k[t*c.KVDim():][:c.KVDim()], s.length+t, s.m.interleaved)
		}
	})
	copy(s.keys[l][s.length*c.KVDim():], s.k[:n*c.KVDim()])
	copy(s.values[l][s.length*c.KVDim():], s.v[:n*c.KVDim()])
	s.attend(l, n)
	s.input(s.att, w.attnSubNorm, n, c.QDim())
	w.o.mul(s.out[:n*c.HiddenSize], &s.in, n)
	s.addResidual(n)
}

// addResidual adds the output of a block to the residual stream.
func (s *Session) addResidual(n int) {
	d := s.m.config.HiddenSize
	rows(n, d, func(t int) { kernel.Axpy(1, s.out[t*d:][:d], s.x[t*d:][:d]) })
}

func (s *Session) feedForwardBlock(l, n int) {
	c, w := &s.m.config, &s.m.layers[l]
	s.input(s.x, w.postNorm, n, c.HiddenSize)
	f := c.IntermediateSize
	w.gate.mul(s.gate[:n*f], &s.in, n)
	w.up.mul(s.up[:n*f], &s.in, n)
	s.activate(n)
	s.input(s.gate, w.ffnSubNorm, n, c.IntermediateSize)
	w.down.mul(s.out[:n*c.HiddenSize], &s.in, n)
	s.addResidual(n)
}

// activate replaces gate by act(gate)*up.
func (s *Session) activate(n int) {
	f := s.m.config.IntermediateSize
	rows(n, f, func(t int) {
		gate, up := s.gate[t*f:][:f], s.up[t*f:][:f]
		if s.m.config.HiddenAct == model.ReLU2 {
			kernel.ReLU2Product(gate, up)
			return
		}
		kernel.SiLUProduct(gate, up)
	})
}
