package intmul

import (
	"slices"
	"unsafe"

	"trit/internal/parallel"
)

// panel is the activations of a few tokens in the order in which a tile reads them,
// [K/4][tokens][4] or [K/8][tokens][8], and for the columns that are summed together and each token -bias times the sum
// of its activations, which undoes the bias of the weights.
type panel struct {
	tile   tile
	first  int // token
	count  int // number of real tokens; the others are zero
	x      []int8
	offset []int32   // [parts][tokens]
	factor []float32 // [parts][tokens], of weights with a scale a group
}

// pack splits m tokens over tiles: as many of the largest tile as possible, then smaller ones.
func (s *scratch) pack(pool *parallel.Pool, p product, x []int8, m int) {
	k := p.columns()
	s.panels = s.panels[:0]
	padded := 0
	for first := 0; first < m; {
		t := chooseTile(p.tiles, m-first)
		s.panels = append(s.panels, panel{tile: t, first: first, count: min(t.tokens, m-first)})
		first, padded = first+t.tokens, padded+t.tokens
	}
	parts := p.parts()
	s.x, s.offset = slices.Grow(s.x[:0], padded*k)[:padded*k], slices.Grow(s.offset[:0], padded*parts)[:padded*parts]
	s.factor = slices.Grow(s.factor[:0], padded*parts)[:padded*parts]
	at := 0
	for i := range s.panels {
		q := &s.panels[i]
		n := q.tile.tokens
		q.x, q.offset, q.factor = s.x[at*k:][:n*k], s.offset[at*parts:][:n*parts], s.factor[at*parts:][:n*parts]
		at += n
	}
	pool.For(len(s.panels), max(1, 1<<16/(k*p.tiles[0].tokens)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			s.panels[i].fill(x, &p)
		}
	})
}

// chooseTile returns the largest tile in which at most a quarter of the tokens would be padding.
func chooseTile(tiles []tile, tokens int) tile {
	for _, t := range tiles {
		if 4*tokens >= 3*t.tokens {
			return t
		}
	}
	return tiles[len(tiles)-1]
}

// fill takes the activations of its tokens from x [m,k].
func (p *panel) fill(x []int8, of *product) {
	n, part := p.tile.tokens, of.part()
	clear(p.offset)
	if of.scaled != nil {
		of.scaled.factors(p.factor, n, p.first, p.count)
	}
	for t := range n {
		if t >= p.count {
			p.clearColumn(p.x[p.tile.together()*t:])
			continue
		}
		row := x[(p.first+t)*of.k:][:of.k]
		for g := range of.parts() {
			p.offset[g*n+t] = -of.bias * sumInt8(row[g*part:min((g+1)*part, of.k)])
		}
		if n == 1 {
			clear(p.x[copy(p.x, row):])
			continue
		}
		p.fillColumn(t, row)
	}
}

// fillColumn writes the activations of token t of the panel, filled up with zeros.
func (p *panel) fillColumn(t int, row []int8) {
	size := p.tile.together()
	step, out := size*p.tile.tokens, p.x[size*t:]
	for ; len(row) >= size; row = row[size:] {
		*(*[4]int8)(out) = [4]int8(row)
		if size == 8 {
			*(*[4]int8)(out[4:]) = [4]int8(row[4:])
		}
		out = out[min(step, len(out)):]
	}
	if len(row) > 0 {
		clear(out[copy(out, row):size])
		out = out[min(step, len(out)):]
	}
	p.clearColumn(out)
}

// clearColumn writes zeros for a token from out on.
func (p *panel) clearColumn(out []int8) {
	size := p.tile.together()
	for step := size * p.tile.tokens; len(out) >= size; out = out[min(step, len(out)):] {
		clear(out[:size])
	}
}

func sumInt8(x []int8) (sum int32) {
	n := lanes(chosen.sumInt8 != nil, len(x))
	if n > 0 {
		sum = chosen.sumInt8(n, &x[0])
	}
	for _, v := range x[n:] {
		sum += int32(v)
	}
	return sum
}

// quads computes the blocks [lo,hi) for the tokens of the panel, four at a time,
// and returns the first that is left.
func (p *panel) quads(of *product, w *work, lo, hi int) int {
	const rows = quadBlocks * blockRows
	for ; lo+quadBlocks <= hi; lo += quadBlocks {
		p.tile.quad(of.columns(), &of.weights[lo*of.blockBytes], &p.x[0], &p.offset[0], &w.sums[0], of.blockBytes)
		of.emit(sums{lo * blockRows, min(rows, of.n-lo*blockRows), p.first, p.count, rows, 0, w.sums[:]})
	}
	return lo
}

// block multiplies a block of weights, whose first row is row, by the tokens of the panel and
// hands the sums to emit. cols is the number of columns of a group.
func (p *panel) block(of *product, w *work, weights []byte, row, cols int) {
	parts := of.parts()
	for g := range parts {
		p.run(of.part()/cols, g, weights[g*(len(weights)/parts):], &w.sums[0], blockRows)
		of.emit(sums{row, min(blockRows, of.n-row), p.first, p.count, blockRows, g, w.sums[:]})
	}
}

// run multiplies the part g of a block, in one go or in halves.
func (p *panel) run(groups, g int, w []byte, dst *int32, stride int) {
	x, offset := &p.x[g*(len(p.x)/(len(p.offset)/p.tile.tokens))], &p.offset[g*p.tile.tokens]
	p.tile.run(groups, &w[0], x, offset, dst, stride)
	if p.tile.rows < blockRows {
		p.tile.run(groups, &w[lineBytes/2], x, offset, shift(dst, blockRows/2), stride)
	}
}

// shift is the address of p[n].
func shift(p *int32, n int) *int32 {
	return (*int32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
