package kernel

import (
	"slices"
	"sync"

	"trit/internal/parallel"
)

// tile computes the products of some rows of weights by its number of tokens; see
// ternaryTileGeneric for the loop.
type tile struct {
	amx    bool // stands for the whole of mulAMX, before the tiles for few tokens
	tokens int
	rows   int  // 16, or 8 where a tile is half a block
	trits  bool // reads trits, so that they need not be widened
	run    func(groups int, w *byte, x *int8, offset, dst *int32, stride int)
	// quad, if there is one, computes four blocks of the tokens, size bytes apart, of so
	// many columns.
	quad func(columns int, w *byte, x *int8, offset, dst *int32, size int)
	// forTrits, if there are any, are the tiles for trits but the largest.
	forTrits []tile
}

// product is a matrix of packed weights, and the tiles that multiply it, the largest
// number of tokens first and one of a single token last.
type product struct {
	n, k       int
	unit       int // columns come in multiples of it
	weights    []byte
	blockBytes int   // of 16 rows
	bias       int32 // what was added to the weights to make them unsigned
	tiles      []tile
	// widen, if there is one, turns a block of weights into what the tiles read; quad
	// reads it as it is.
	widen func(dst, block []byte) []byte
	bytes func(dst, block []byte) // makes an int8 of each weight
	emit  func(s sums)            // must not keep the values
}

func (p *product) columns() int { return ceil(p.k, p.unit) * p.unit }

// panel is the activations of a few tokens in the order in which a tile reads them,
// [K/4][tokens][4], and minus bias times the sum of each, which undoes the bias.
type panel struct {
	tile   tile
	first  int // token
	count  int // tokens that are real; the others are zero
	x      []int8
	offset []int32
}

// scratch is the working memory of a product, kept from call to call.
type scratch struct {
	x      []int8
	offset []int32
	panels []panel
}

// work is that of a thread.
type work struct {
	sums   [maxTile * blockRows]int32
	blocks [stripBlocks]blockCodes
}

// blockCodes is a block of weights as it lies in memory and as the tiles read it.
type blockCodes struct{ packed, codes, wide []byte }

// stripBlocks is how many blocks, 40 kB of 2560 columns at 2 bits, meet the activations of a
// tile, 61 kB for 24 tokens, one after the other while both are near the core.
const stripBlocks = 4

var (
	scratchPool = sync.Pool{New: func() any { return new(scratch) }}
	workPool    = sync.Pool{New: func() any { return new(work) }}
)

// maxTile is the most tokens of a tile.
const maxTile = 24

// panelBytes is how many activations meet a row of weights before the next.
const panelBytes = 2 << 20

// mulTiles hands all sums of x [m,k] to p.emit.
func mulTiles(p product, x []int8, m int) { mulTogether([]product{p}, x, m) }

// mulTogether hands all sums of x [m,k] by several matrices, which have the number of
// columns and the format in common, to the emit of each, on the thread that computed them
// and while they are in its cache. Weights are read once for every panelBytes of
// activations.
func mulTogether(list []product, x []int8, m int) {
	p := list[0]
	if p.tiles[0].amx {
		if m >= minAMX {
			mulAMX(list, x, m)
			return
		}
		p.tiles = p.tiles[1:]
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	s.pack(p, x, m)
	for panels := s.panels; len(panels) > 0; {
		together := 0
		for size := 0; together < len(panels) && (together == 0 || size < panelBytes); together++ {
			size += len(panels[together].x)
		}
		now := panels[:together]
		panels = panels[together:]
		unit := 1
		if len(now) == 1 && now[0].tile.quad != nil {
			unit = 4
		}
		// A range of less than 2^18 products is not worth another thread.
		grain := max(1, 1<<18/(unit*blockRows*p.k*min(m, 24)))
		eachRange(list, unit*blockRows, grain, func(q *product, lo, hi int) {
			q.blocks(now, lo*unit, min(hi*unit, ceil(q.n, blockRows)), unit == 4)
		})
	}
}

// eachRange runs body on ranges of units of so many rows that cover all products, on
// several threads.
func eachRange(list []product, rows, grain int, body func(p *product, lo, hi int)) {
	total := 0
	for i := range list {
		total += ceil(list[i].n, rows)
	}
	parallel.Chunks(total, grain, func(lo, hi int) {
		first := 0
		for i := range list {
			n := ceil(list[i].n, rows)
			if l, h := max(lo-first, 0), min(hi-first, n); l < h {
				body(&list[i], l, h)
			}
			first += n
		}
	})
}

// blocks computes the blocks [lo,hi) of weights for the tokens of some panels.
func (p *product) blocks(panels []panel, lo, hi int, quads bool) {
	w := workPool.Get().(*work)
	defer workPool.Put(w)
	if quads {
		lo = panels[0].quads(p, w, lo, hi)
	}
	widen := lo < hi && p.mustWiden(panels)
	for ; lo < hi; lo += stripBlocks {
		strip := w.strip(p, lo, min(lo+stripBlocks, hi), widen)
		for i := range panels {
			for j, block := range strip {
				row := (lo + j) * blockRows
				if panels[i].tile.trits {
					panels[i].block(p, w, block.packed, row, tritsCols)
				} else {
					panels[i].block(p, w, block.codes, row, groupCols)
				}
			}
		}
	}
}

// strip is the blocks [lo,hi) of weights, widened where a tile needs it.
func (w *work) strip(p *product, lo, hi int, widen bool) []blockCodes {
	strip := w.blocks[:hi-lo]
	for j := range strip {
		block := &strip[j]
		block.packed = p.weights[(lo+j)*p.blockBytes:][:p.blockBytes]
		block.codes = block.packed
		if widen {
			block.wide = p.widen(block.wide, block.packed)
			block.codes = block.wide
		}
	}
	return strip
}

func (p *product) mustWiden(panels []panel) bool {
	return p.widen != nil && slices.ContainsFunc(panels, func(q panel) bool { return !q.tile.trits })
}

// quads computes the blocks [lo,hi) for the panel's one or two tokens, four at a time,
// and returns the first that is left.
func (p *panel) quads(of *product, w *work, lo, hi int) int {
	const rows = 4 * blockRows
	for ; lo+4 <= hi; lo += 4 {
		p.tile.quad(of.columns(), &of.weights[lo*of.blockBytes], &p.x[0], &p.offset[0], &w.sums[0], of.blockBytes)
		of.emit(sums{lo * blockRows, min(rows, of.n-lo*blockRows), p.first, p.count, rows, w.sums[:]})
	}
	return lo
}

// block computes the rows of weights from row on, in groups of so many columns, for the
// tokens of the panel.
func (p *panel) block(of *product, w *work, weights []byte, row, cols int) {
	p.run(of.columns()/cols, weights, &w.sums[0], blockRows)
	of.emit(sums{row, min(blockRows, of.n-row), p.first, p.count, blockRows, w.sums[:]})
}

func (p *panel) run(groups int, w []byte, dst *int32, stride int) {
	p.tile.run(groups, &w[0], &p.x[0], &p.offset[0], dst, stride)
	if p.tile.rows < blockRows {
		p.tile.run(groups, &w[groupSize/2], &p.x[0], &p.offset[0], shift(dst, blockRows/2), stride)
	}
}

// pack splits m tokens over tiles: as many of the largest as fill, then smaller ones.
func (s *scratch) pack(p product, x []int8, m int) {
	k := p.columns()
	s.panels = s.panels[:0]
	padded := 0
	for first := 0; first < m; {
		t := chooseTile(p.tiles, m-first)
		s.panels = append(s.panels, panel{tile: t, first: first, count: min(t.tokens, m-first)})
		first, padded = first+t.tokens, padded+t.tokens
	}
	s.x, s.offset = slices.Grow(s.x[:0], padded*k)[:padded*k], slices.Grow(s.offset[:0], padded)[:padded]
	at := 0
	for i := range s.panels {
		q := &s.panels[i]
		n := q.tile.tokens
		q.x, q.offset = s.x[at*k:][:n*k], s.offset[at:][:n]
		at += n
	}
	parallel.For(len(s.panels), max(1, 1<<16/(k*p.tiles[0].tokens)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			s.panels[i].fill(x, p.k, p.bias)
		}
	})
}

// chooseTile takes the largest tile that wastes at most a quarter of itself.
func chooseTile(tiles []tile, tokens int) tile {
	for _, t := range tiles {
		if 4*tokens >= 3*t.tokens {
			return t
		}
	}
	return tiles[len(tiles)-1]
}

func (p *panel) fill(x []int8, k int, bias int32) {
	n := p.tile.tokens
	for t := range n {
		p.offset[t] = 0
		if t >= p.count {
			clearColumn(p.x[4*t:], 4*n)
			continue
		}
		row := x[(p.first+t)*k:][:k]
		p.offset[t] = -bias * sumInt8(row)
		if n == 1 {
			clear(p.x[copy(p.x, row):])
			continue
		}
		p.fillColumn(t, row)
	}
}

func (p *panel) fillColumn(t int, row []int8) {
	step, out := 4*p.tile.tokens, p.x[4*t:]
	for ; len(row) >= 4; row = row[4:] {
		*(*[4]int8)(out) = [4]int8(row)
		out = out[min(step, len(out)):]
	}
	if len(row) > 0 {
		var last [4]int8
		copy(last[:], row)
		*(*[4]int8)(out) = last
		out = out[min(step, len(out)):]
	}
	clearColumn(out, step)
}

func clearColumn(out []int8, step int) {
	for ; len(out) >= 4; out = out[min(step, len(out)):] {
		*(*[4]int8)(out) = [4]int8{}
	}
}
