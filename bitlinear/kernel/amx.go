package kernel

import (
	"slices"
	"sync"

	"trit/internal/parallel"
)

// AMX multiplies tiles of 16 rows of 64 bytes: here 32 tokens by 32 rows of weights, four
// tiles of sums. A line of a block with an int8 a weight is a row of such a tile, so weights
// only have to be widened; they are, once for all tokens of a batch, since 32 rows of them
// fit into the second cache. What stays in the first are amxChunk steps of them, while the
// activations of all tokens pass by.
const (
	amxRows    = 32
	amxTokens  = 32
	amxHalf    = 16 // tokens of the last tile, if it is not full
	amxColumns = 64 // of a step
	amxLines   = amxColumns / 4
	amxChunk   = 8 // steps
)

// minAMX is from how many tokens on widening pays: for 8, VPDPBUSD reads 5.2 GB/s of weights
// a thread and AMX 3.4; for 16, 2.7 and 3.2.
const minAMX = 9

// amxBatch is how many tokens meet a widened row: enough to be worth it, and few enough
// that their activations stay in the second cache.
const amxBatch = 528

// amxScratch is the activations of a product, [panels][steps][32 tokens][64 columns].
type amxScratch struct{ x []int8 }

// amxWork is that of a thread.
type amxWork struct {
	bytes []byte // [2 blocks][columns/4][16 rows][4], int8
	sums  [(amxBatch + amxTokens) * amxRows]int32
}

var (
	amxScratchPool = sync.Pool{New: func() any { return new(amxScratch) }}
	amxWorkPool    = sync.Pool{New: func() any { return new(amxWork) }}
)

// mulAMX is mulTogether on the matrix registers of AMX.
func mulAMX(list []product, x []int8, m int) {
	p := &list[0]
	s := amxScratchPool.Get().(*amxScratch)
	defer amxScratchPool.Put(s)
	steps := ceil(p.columns(), amxColumns)
	for first := 0; first < m; first += amxBatch {
		tokens := min(amxBatch, m-first)
		s.pack(p, x[first*p.k:], tokens, steps)
		grain := max(1, 1<<20/(amxRows*p.k*tokens))
		eachRange(list, amxRows, grain, func(q *product, lo, hi int) {
			w := amxWorkPool.Get().(*amxWork)
			defer amxWorkPool.Put(w)
			for i := lo; i < hi; i++ {
				w.widen(q, i*amxRows/blockRows, steps)
				w.multiply(s, tokens, steps)
				q.emit(sums{i * amxRows, min(amxRows, q.n-i*amxRows), first, tokens, amxRows, w.sums[:]})
			}
		})
	}
}

// widen makes int8 of two blocks. What fills up the columns meets activations of 0, and
// what stands for a last block that is missing is not used.
func (w *amxWork) widen(p *product, block, steps int) {
	size := steps * amxLines * groupSize
	w.bytes = slices.Grow(w.bytes[:0], 2*size)[:2*size]
	for i := range min(2, ceil(p.n, blockRows)-block) {
		p.bytes(w.bytes[i*size:], p.weights[(block+i)*p.blockBytes:][:p.blockBytes])
	}
}

// multiply fills sums [tokens][32].
func (w *amxWork) multiply(s *amxScratch, tokens, steps int) {
	full, rest := amxSplit(tokens)
	panel, block := steps*amxTokens*amxColumns, steps*amxLines*groupSize
	for at := 0; at < steps && full > 0; at += amxChunk {
		amxTiles(full, min(amxChunk, steps-at), &w.bytes[at*amxLines*groupSize], block, &s.x[at*amxTokens*amxColumns], panel, &w.sums[0], at, &amxConfigs[amxHalf])
	}
	if rest > 0 {
		amxHalfTile(steps, &w.bytes[0], block, &s.x[full*panel], &w.sums[full*amxTokens*amxRows], &amxConfigs[rest])
	}
}

// amxSplit is how many full tiles of tokens there are, and how many tokens are left for
// a half one; more than a half take a full one.
func amxSplit(tokens int) (full, rest int) {
	full, rest = tokens/amxTokens, tokens%amxTokens
	if rest > amxHalf {
		return full + 1, 0
	}
	return full, rest
}

// amxConfigs say for each number of tokens in a half tile which registers have which size:
// palette 1; columns in bytes from byte 16 on, rows from byte 48 on.
var amxConfigs = func() (list [amxHalf + 1][64]byte) {
	for tokens := range list {
		c := &list[tokens]
		c[0] = 1
		for register := range 8 {
			c[16+2*register], c[48+register] = 64, byte(tokens)
		}
		c[48+6], c[48+7] = amxLines, amxLines // the weights
	}
	return list
}()

func (s *amxScratch) pack(p *product, x []int8, tokens, steps int) {
	full, rest := amxSplit(tokens)
	padded := full*amxTokens + rest
	s.x = slices.Grow(s.x[:0], padded*steps*amxColumns)[:padded*steps*amxColumns]
	parallel.For(padded, max(1, 1<<17/p.k), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			first, together := t/amxTokens*amxTokens, amxTokens
			if t >= full*amxTokens {
				together = rest
			}
			var row []int8
			if t < tokens {
				row = x[t*p.k:][:p.k]
			}
			panel := s.x[first*steps*amxColumns:][:together*steps*amxColumns]
			fillAMX(panel[(t-first)*amxColumns:], together*amxColumns, row)
		}
	})
}

// fillAMX writes 64 activations of a token after the other, step apart, zeros in the end.
func fillAMX(out []int8, step int, row []int8) {
	for at := 0; at < len(out); at += step {
		n := copy(out[at:][:amxColumns], row)
		clear(out[at+n:][:amxColumns-n])
		row = row[n:]
	}
}
