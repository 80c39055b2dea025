package infer

import (
	"math"

	"trit/bitlinear/kernel"
	"trit/internal/parallel"
)

// blockQueries is how many queries of a head are attended to together, so that each
// key and value that is read serves all of them.
const blockQueries = 96

// attend computes grouped-query causal attention of the last rows over the cache.
func (s *Session) attend(l, n int) {
	c := &s.m.config
	heads, blocks := c.NumAttentionHeads, (n+blockQueries-1)/blockQueries
	grain := max(1, 1<<15/((s.length+n)*c.HeadDim*min(n, blockQueries)))
	parallel.Chunks(heads*blocks, grain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			first := i / heads * blockQueries
			if n == 1 {
				s.attendOne(l, i%heads)
			} else {
				s.attendBlock(l, i%heads, first, min(first+blockQueries, n))
			}
		}
	})
}

// cached is where the keys or values of the group of a head begin, and the distance of
// two positions.
func (s *Session) cached(cache []float32, head int) (column []float32, stride int) {
	c := &s.m.config
	group := c.NumAttentionHeads / c.NumKeyValueHeads
	return cache[head/group*c.HeadDim:], c.KVDim()
}

func (s *Session) attentionScale() float32 {
	return float32(1 / math.Sqrt(float64(s.m.config.HeadDim)))
}

// attendOne attends with a single query, as decoding does.
func (s *Session) attendOne(l, head int) {
	d, seen := s.m.config.HeadDim, s.length+1
	keys, stride := s.cached(s.keys[l], head)
	values, _ := s.cached(s.values[l], head)
	scores, q, out := make([]float32, seen), s.q[head*d:][:d], s.att[head*d:][:d]
	kernel.Scores(scores, q, keys, stride)
	inverse := softmax(scores, s.attentionScale())
	kernel.WeightedSum(out, scores, values, stride)
	kernel.Scale(inverse, out)
}

// attendBlock attends with the queries [lo,hi) of the batch as matrix products.
func (s *Session) attendBlock(l, head, lo, hi int) {
	c := &s.m.config
	d, n, seen, wide := c.HeadDim, hi-lo, s.length+hi, c.QDim()
	keys, stride := s.cached(s.keys[l], head)
	values, _ := s.cached(s.values[l], head)
	scores, out := make([]float32, n*seen), make([]float32, n*d)
	kernel.GemmOneThread(false, true, n, seen, d, s.q[lo*wide+head*d:], wide, keys, stride, scores, false)
	for t := range n {
		row, visible := scores[t*seen:][:seen], s.length+lo+t+1
		inverse := softmax(row[:visible], s.attentionScale())
		kernel.Scale(inverse, row[:visible])
		clear(row[visible:])
	}
	kernel.GemmOneThread(false, false, n, d, seen, scores, seen, values, stride, out, false)
	for t := range n {
		copy(s.att[(lo+t)*wide+head*d:][:d], out[t*d:])
	}
}

// softmax replaces scores by e^(scale*(score-max)) and returns one over their sum.
func softmax(scores []float32, scale float32) (inverse float32) {
	return 1 / kernel.ExpScaled(scores, scale, kernel.Max(scores))
}
