package intmul

import (
	"slices"
	"sync"

	"trit/bitlinear/kernel/amx"
	"trit/internal/parallel"
)

// AMX multiplies panels of 32 tokens by 32 rows of weights; see package amx. A line of a block with
// int8 weights is a row of an operand, so weights of fewer bits are widened to int8: 32 rows once
// for all tokens of a batch, since they fit into the second-level cache. amxChunk steps of them
// stay in the first-level cache while they are multiplied by the activations of all tokens.
const (
	amxRows  = 2 * blockRows // of weights
	amxChunk = 8             // steps
)

// amxFrom is the least number of tokens for which AMX is used: with 8 tokens, a thread reads
// 5.2 GB/s of weights with VPDPBUSD and 3.4 with AMX; with 16 tokens, 2.7 and 3.2.
const amxFrom = 9

// amxBatch is the number of tokens that a widened row is multiplied by: enough to be worth the
// widening, and few enough that their activations stay in the second-level cache.
const amxBatch = 528

// amxScratch is the activations of a product, [panels][steps][32 tokens][64 columns]; a last half
// panel has as many tokens as it needs. Weights with a scale a group have factors
// [panels][parts][32 tokens].
type amxScratch struct {
	x      []int8
	factor []float32
}

// amxWork is the working memory of a thread.
type amxWork struct {
	bytes  []byte // [2 blocks][columns/4][16 rows][4], int8
	sums   [(amxBatch + amx.PanelRows) * amxRows]int32
	scaled [amxSums]float32 // of a panel
}

var (
	amxScratchPool = sync.Pool{New: func() any { return new(amxScratch) }}
	amxWorkPool    = sync.Pool{New: func() any { return new(amxWork) }}
)

// multiplyAMX is multiplyTogether on the matrix registers of AMX.
func multiplyAMX(pool *parallel.Pool, list []product, x []int8, m int) {
	p := &list[0]
	s := amxScratchPool.Get().(*amxScratch)
	defer amxScratchPool.Put(s)
	steps := ceil(p.columns(), amx.StepBytes)
	for first := 0; first < m; first += amxBatch {
		tokens := min(amxBatch, m-first)
		s.pack(pool, p, x[first*p.k:], tokens, steps)
		if p.scaled != nil {
			s.packFactors(p, first, tokens)
		}
		grain := max(1, 1<<20/(amxRows*p.k*tokens))
		eachRange(pool, list, amxRows, grain, func(q *product, lo, hi int) {
			w := amxWorkPool.Get().(*amxWork)
			defer amxWorkPool.Put(w)
			for i := lo; i < hi; i++ {
				w.widen(q, i*amxRows/blockRows, steps)
				if q.scaled != nil {
					w.multiplyScaled(s, q, i*amxRows, first, tokens)
					continue
				}
				w.multiply(s, tokens, steps)
				q.emit(sums{i * amxRows, min(amxRows, q.n-i*amxRows), first, tokens, amxRows, 0, w.sums[:]})
			}
		})
	}
}

// widen makes int8 of two blocks. Columns of padding are multiplied by activations of 0. If the
// second block does not exist, its sums are not used.
func (w *amxWork) widen(p *product, block, steps int) {
	size := steps * amx.StepLines * lineBytes
	w.bytes = slices.Grow(w.bytes[:0], 2*size)[:2*size]
	for i := range min(2, ceil(p.n, blockRows)-block) {
		p.bytes(p.blockBytes/lineBytes, &p.weights[(block+i)*p.blockBytes], &w.bytes[i*size])
	}
}

// multiply fills sums [tokens][32].
func (w *amxWork) multiply(s *amxScratch, tokens, steps int) {
	full, rest := amxSplit(tokens)
	panel, block := steps*amx.PanelRows*amx.StepBytes, steps*amx.StepLines*lineBytes
	for at := 0; at < steps && full > 0; at += amxChunk {
		amx.Panels(full, min(amxChunk, steps-at), &w.bytes[at*amx.StepLines*lineBytes], block,
			&s.x[at*amx.PanelRows*amx.StepBytes], panel, &w.sums[0], at)
	}
	if rest > 0 {
		amx.HalfPanel(rest, steps, &w.bytes[0], block, &s.x[full*panel], &w.sums[full*amx.PanelRows*amxRows])
	}
}

// amxSplit returns the number of full panels of tokens, and the number of tokens in a half panel
// after them. A remainder of more than half a panel takes a full one.
func amxSplit(tokens int) (full, rest int) {
	full, rest = tokens/amx.PanelRows, tokens%amx.PanelRows
	if rest > amx.HalfRows {
		return full + 1, 0
	}
	return full, rest
}

// pack copies activations into panels; the tokens that fill up the last one are zero.
func (s *amxScratch) pack(pool *parallel.Pool, p *product, x []int8, tokens, steps int) {
	full, rest := amxSplit(tokens)
	padded := full*amx.PanelRows + rest
	s.x = slices.Grow(s.x[:0], padded*steps*amx.StepBytes)[:padded*steps*amx.StepBytes]
	pool.For(padded, max(1, 1<<17/p.k), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			first, together := t/amx.PanelRows*amx.PanelRows, amx.PanelRows
			if t >= full*amx.PanelRows {
				together = rest
			}
			var row []int8
			if t < tokens {
				row = x[t*p.k:][:p.k]
			}
			panel := s.x[first*steps*amx.StepBytes:][:together*steps*amx.StepBytes]
			fillAMX(panel[(t-first)*amx.StepBytes:], together*amx.StepBytes, row)
		}
	})
}

// fillAMX writes the activations of a token, 64 at a time, step bytes apart, filled up with zeros.
func fillAMX(out []int8, step int, row []int8) {
	for at := 0; at < len(out); at += step {
		n := copy(out[at:][:amx.StepBytes], row)
		clear(out[at+n:][:amx.StepBytes-n])
		row = row[n:]
	}
}
