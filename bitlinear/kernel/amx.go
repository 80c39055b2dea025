package kernel

import (
	"slices"
	"sync"

	"trit/internal/parallel"
)

// AMX multiplies tiles of 16 rows of 64 bytes: here 32 tokens by 32 rows of weights, four
// tiles of sums, which stay in registers for all columns. A line of a block with a byte a
// weight is a row of such a tile, so weights only have to be widened; they are, once for
// all tokens of a batch, since 32 rows of them fit into the second cache.
const (
	amxRows    = 32
	amxTokens  = 32
	amxHalf    = 16 // tokens of the last tile, if it is not full
	amxColumns = 64 // of a step
	amxLines   = amxColumns / 4
)

// minAMX is from how many tokens on the widening pays.
const minAMX = 5

// amxBatch is how many tokens meet a widened row: enough to be worth it, and few enough
// that their activations stay in the second cache.
const amxBatch = 288

// amxScratch is the working memory of a product: activations
// [panels][steps][32 tokens][64 columns] and offsets [panels][32 tokens][16].
type amxScratch struct {
	x      []int8
	offset []int32
}

// amxWork is that of a thread.
type amxWork struct {
	bytes []byte // [2 blocks][columns/4][16 rows][4]
	sums  []int32
}

var (
	amxScratchPool = sync.Pool{New: func() any { return new(amxScratch) }}
	amxWorkPool    = sync.Pool{New: func() any { return new(amxWork) }}
)

// mulAMX is mulTiles on the matrix registers of AMX.
func mulAMX(p product, x []int8, m int) {
	s := amxScratchPool.Get().(*amxScratch)
	defer amxScratchPool.Put(s)
	steps := ceil(p.columns(), amxColumns)
	for first := 0; first < m; first += amxBatch {
		tokens := min(amxBatch, m-first)
		s.pack(&p, x[first*p.k:], tokens, steps)
		grain := max(1, 1<<20/(amxRows*p.k*tokens))
		parallel.Chunks(ceil(p.n, amxRows), grain, func(lo, hi int) {
			w := amxWorkPool.Get().(*amxWork)
			defer amxWorkPool.Put(w)
			w.sums = slices.Grow(w.sums[:0], amxBatch*amxRows)[:amxBatch*amxRows]
			for i := lo; i < hi; i++ {
				w.widen(&p, i*amxRows/blockRows, steps)
				w.multiply(s, tokens, steps)
				p.emit(sums{i * amxRows, min(amxRows, p.n-i*amxRows), first, tokens, amxRows, w.sums})
			}
		})
	}
}

// widen makes bytes of two blocks. What fills up the columns meets activations of 0.
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
	x, offset, out := s.x, s.offset, w.sums
	if full > 0 {
		amxTiles(full, steps, &w.bytes[0], &x[0], &offset[0], &out[0], &amxConfigs[amxHalf])
		x, offset, out = x[full*amxTokens*steps*amxColumns:], offset[full*amxTokens*16:], out[full*amxTokens*amxRows:]
	}
	if rest > 0 {
		amxHalfTile(steps, &w.bytes[0], &x[0], &offset[0], &out[0], &amxConfigs[rest])
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
	s.offset = slices.Grow(s.offset[:0], padded*16)[:padded*16]
	parallel.For(padded, max(1, 1<<17/p.k), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			first, together := t/amxTokens*amxTokens, amxTokens
			if t >= full*amxTokens {
				together = rest
			}
			panel := s.x[first*steps*amxColumns:][:together*steps*amxColumns]
			var row []int8
			if t < tokens {
				row = x[t*p.k:][:p.k]
			}
			s.fill(panel[(t-first)*amxColumns:], t, together, row, p.bias)
		}
	})
}

// fill writes the activations of a token, 64 columns in every row of a tile, and its offset.
func (s *amxScratch) fill(out []int8, t, together int, row []int8, bias int32) {
	offset := -bias * sumInt8(row)
	for i := range s.offset[t*16:][:16] {
		s.offset[t*16+i] = offset
	}
	for at := 0; at < len(out); at += together * amxColumns {
		n := copy(out[at:][:amxColumns], row)
		clear(out[at+n:][:amxColumns-n])
		row = row[n:]
	}
}
