package infer

import (
	"math"

	"trit/bitlinear/kernel"
	"trit/internal/parallel"
)

// A block of at least minBlock tokens of one session attends as matrix products, with up
// to blockQueries queries of a head together, so that each key and value that is read
// serves all of them. Fewer tokens attend one by one, so that a draft and a token alone
// have the same bits.
const (
	blockQueries = 96
	minBlock     = 32
)

// queries are rows [lo,hi) of the batch, tokens of one session that attend together.
type queries struct {
	s      *Session
	lo, hi int
	seen   int // tokens that the last one sees
}

// attend computes grouped-query causal attention of all rows over their caches.
func (p *pass) attend(l int) {
	c := &p.m.config
	blocks, work := p.queries()
	heads := c.NumAttentionHeads
	grain := max(1, len(blocks)*1<<15/max(1, work*c.HeadDim))
	parallel.Chunks(heads*len(blocks), grain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if b := &blocks[i/heads]; b.hi == b.lo+1 {
				p.attendOne(l, i%heads, b)
			} else {
				p.attendBlock(l, i%heads, b)
			}
		}
	})
}

// queries cuts the batch into what attends together; work is the number of pairs of a
// query and a token.
func (p *pass) queries() (blocks []queries, work int) {
	row := 0
	for _, sp := range p.spans {
		step := 1
		if len(sp.ids) >= minBlock {
			step = blockQueries
		}
		for first := 0; first < len(sp.ids); first += step {
			n := min(step, len(sp.ids)-first)
			b := queries{sp.s, row + first, row + first + n, sp.s.Len() + first + n}
			blocks, work = append(blocks, b), work+n*b.seen
		}
		row += len(sp.ids)
	}
	return blocks, work
}

// cached is where the keys or values of the group of a head begin, and the distance of
// two positions.
func (p *pass) cached(cache []float32, head int) (column []float32, stride int) {
	c := &p.m.config
	group := c.NumAttentionHeads / c.NumKeyValueHeads
	return cache[head/group*c.HeadDim:], c.KVDim()
}

func (p *pass) attentionScale() float32 {
	return float32(1 / math.Sqrt(float64(p.m.config.HeadDim)))
}

// attendOne attends with a single query, as decoding does.
func (p *pass) attendOne(l, head int, b *queries) {
	d, wide := p.m.config.HeadDim, p.m.config.QDim()
	keys, stride := p.cached(b.s.keys[l], head)
	values, _ := p.cached(b.s.values[l], head)
	at := b.lo*wide + head*d
	buffer := floats.Get().(*[]float32)
	defer floats.Put(buffer)
	*buffer = grow(*buffer, b.seen)
	scores, q, out := *buffer, p.q[at:][:d], p.att[at:][:d]
	kernel.Scores(scores, q, keys, stride)
	inverse := softmax(scores, p.attentionScale())
	kernel.WeightedSum(out, scores, values, stride)
	kernel.Scale(inverse, out)
}

// attendBlock attends with several queries as matrix products.
func (p *pass) attendBlock(l, head int, b *queries) {
	c := &p.m.config
	d, n, seen, wide := c.HeadDim, b.hi-b.lo, b.seen, c.QDim()
	keys, stride := p.cached(b.s.keys[l], head)
	values, _ := p.cached(b.s.values[l], head)
	buffer := floats.Get().(*[]float32)
	defer floats.Put(buffer)
	*buffer = grow(*buffer, n*(seen+d))
	scores, out := (*buffer)[:n*seen], (*buffer)[n*seen:]
	kernel.GemmOneThread(false, true, n, seen, d, p.q[b.lo*wide+head*d:], wide, keys, stride, scores, false)
	for t := range n {
		row, visible := scores[t*seen:][:seen], seen-n+t+1
		inverse := softmax(row[:visible], p.attentionScale())
		kernel.Scale(inverse, row[:visible])
		clear(row[visible:])
	}
	kernel.GemmOneThread(false, false, n, d, seen, scores, seen, values, stride, out, false)
	for t := range n {
		copy(p.att[(b.lo+t)*wide+head*d:][:d], out[t*d:])
	}
}

// softmax replaces scores by e^(scale*(score-max)) and returns one over their sum.
func softmax(scores []float32, scale float32) (inverse float32) {
	return 1 / kernel.ExpScaled(scores, scale, kernel.Max(scores))
}
