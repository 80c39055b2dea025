package intmul

import (
	"slices"
	"sync"

	"trit/internal/parallel"
)

// product describes a matrix of packed weights, and how an implementation multiplies it.
type product struct {
	on         *implementation
	n, k       int
	unit       int     // columns come in multiples of it
	group      int     // columns whose sums are emitted by themselves, a part; 0: all
	scaled     *scaled // nil: there are no scales a group
	weights    []byte
	blockBytes int
	bias       int32 // number that was added to the weights to make them unsigned
	tiles      []tile
	packedCols int // columns of a line, as quads and tiles of packed lines read them
	// widen, unless it is nil, turns a block of weights into the codes that the tiles read. Quads
	// read the block itself.
	widen func(dst, block []byte) []byte
	bytes func(lines int, w, dst *byte) // makes an int8 of each weight, for AMX
	emit  func(s sums)                  // must not keep the values
}

func (p *product) columns() int { return ceil(p.k, p.unit) * p.unit }

// part is the number of columns that are summed together, and parts how many such parts there are.
func (p *product) part() int {
	if p.group == 0 {
		return p.columns()
	}
	return p.group
}

func (p *product) parts() int { return p.columns() / p.part() }

// scratch is the working memory of a product, kept from call to call.
type scratch struct {
	x      []int8
	offset []int32
	factor []float32
	panels []panel
}

// work is the working memory of a thread.
type work struct {
	sums   [maxTile * blockRows]int32
	scaled [maxGrouped * quadBlocks * blockRows]float32
	blocks [stripBlocks]blockCodes
}

// blockCodes is a block of weights: packed as in memory, codes as the tiles read them, and wide,
// the buffer for widened codes.
type blockCodes struct{ packed, codes, wide []byte }

// stripBlocks is the number of blocks of a strip: 40 kB for 2560 columns at 2 bits. Together with
// the activations of a tile, 61 kB for 24 tokens, they stay in the caches of a core.
const stripBlocks = 4

var (
	scratchPool = sync.Pool{New: func() any { return new(scratch) }}
	workPool    = sync.Pool{New: func() any { return new(work) }}
)

// maxTile is the largest number of tokens of a tile.
const maxTile = 24

// togetherBytes is the size of the activations that a row of weights is multiplied by at a time.
const togetherBytes = 2 << 20

// multiply computes all sums of x [m,k] by a matrix and hands them to p.emit.
func multiply(pool *parallel.Pool, p product, x []int8, m int) {
	multiplyTogether(pool, []product{p}, x, m)
}

// multiplyTogether computes all sums of x [m,k] by several matrices, which must have the same
// number of columns and the same format. It hands them to the emit of each matrix, on the thread
// that computed them and while they are in its cache. Weights are read once for every
// togetherBytes of activations.
func multiplyTogether(pool *parallel.Pool, list []product, x []int8, m int) {
	if list[0].on.amx && m >= amxFrom {
		multiplyAMX(pool, list, x, m)
	} else {
		multiplyTiles(pool, list, x, m)
	}
}

// multiplyTiles is multiplyTogether on tiles.
func multiplyTiles(pool *parallel.Pool, list []product, x []int8, m int) {
	p := list[0]
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	s.pack(pool, p, x, m)
	for panels := s.panels; len(panels) > 0; {
		together := 0
		for size := 0; together < len(panels) && (together == 0 || size < togetherBytes); together++ {
			size += len(panels[together].x)
		}
		now := panels[:together]
		panels = panels[together:]
		unit := 1
		if p.takesQuads(now) {
			unit = quadBlocks
		}
		// A range of less than 2^18 products is not worth another thread.
		grain := max(1, 1<<18/(unit*blockRows*p.k*min(m, 24)))
		eachRange(pool, list, unit*blockRows, grain, func(q *product, lo, hi int) {
			q.blocks(now, lo*unit, min(hi*unit, ceil(q.n, blockRows)), unit == quadBlocks)
		})
	}
}

// takesQuads reports whether four blocks go together: of weights with a scale a group for all panels.
func (p *product) takesQuads(panels []panel) bool {
	if p.scaled != nil {
		return !slices.ContainsFunc(panels, func(q panel) bool { return q.tile.grouped == nil })
	}
	return len(panels) == 1 && panels[0].tile.quad != nil
}

// eachRange runs body on ranges that cover all products, in units of a number of rows.
func eachRange(pool *parallel.Pool, list []product, rows, grain int, body func(p *product, lo, hi int)) {
	total := 0
	for i := range list {
		total += ceil(list[i].n, rows)
	}
	pool.Chunks(total, grain, func(lo, hi int) {
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
	switch {
	case quads && p.scaled != nil:
		lo = p.scaled.quads(p, panels, w, lo, hi)
	case quads:
		lo = panels[0].quads(p, w, lo, hi)
	}
	widen := lo < hi && p.mustWiden(panels)
	for ; lo < hi; lo += stripBlocks {
		strip := w.strip(p, lo, min(lo+stripBlocks, hi), widen)
		for i := range panels {
			for j, block := range strip {
				row := (lo + j) * blockRows
				if panels[i].tile.packed {
					panels[i].block(p, w, block.packed, row, p.packedCols)
				} else {
					panels[i].block(p, w, block.codes, row, groupCols)
				}
			}
		}
	}
}

// strip returns the blocks [lo,hi) of weights, widened if widen is set.
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

// mustWiden reports whether a tile of these panels cannot read the packed weights themselves.
func (p *product) mustWiden(panels []panel) bool {
	return p.widen != nil && slices.ContainsFunc(panels, func(q panel) bool { return !q.tile.packed })
}
