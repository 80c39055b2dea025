package intmul

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// layout is a way in which tiles read weights.
type layout struct {
	name    string
	cols    int  // of a group
	lines   int  // of 64 bytes, of a group
	unit    int  // columns come in multiples of it
	packed  bool // tiles must say that they read it
	top     int  // the largest code
	largest byte // has the largest codes
	code    func(r *rand.Rand) byte
	tiles   func(on *implementation) []tile
	// plain computes 16 rows of one token.
	plain func(columns int, w []byte, x []int8, offset, dst *int32)
}

// plainTile calls a tile of a single token in plain Go.
func plainTile(run func(groups int, w *byte, x *int8, offset, dst *int32, stride int)) func(
	columns int, w []byte, x []int8, offset, dst *int32) {
	return func(columns int, w []byte, x []int8, offset, dst *int32) {
		run(columns/groupCols, &w[0], &x[0], offset, dst, blockRows)
	}
}

func layouts() []layout {
	anyByte := func(r *rand.Rand) byte { return byte(r.IntN(256)) }
	fourCodes := func(r *rand.Rand) byte {
		return byte(r.IntN(3) | r.IntN(3)<<2 | r.IntN(3)<<4 | r.IntN(3)<<6)
	}
	fiveTrits := func(r *rand.Rand) byte { return tritsByte[r.IntN(243)] }
	packed := func(tiles []tile) []tile {
		return slices.DeleteFunc(slices.Clone(tiles), func(t tile) bool { return !t.packed && t.quad == nil })
	}
	trits := func(on *implementation) []tile { return packed(on.trits) }
	ofSigns := func(on *implementation) []tile { return packed(on.signs) }
	ofTernary := func(on *implementation) []tile { return on.ternary }
	ofInt4 := func(on *implementation) []tile { return on.int4 }
	ofInt8 := func(on *implementation) []tile { return on.int8 }
	return []layout{
		{"ternary", groupCols, 1, groupCols, false, 2, 0b10101010, fourCodes, ofTernary, plainTile(ternaryTileGeneric)},
		{"int4", groupCols, 2, groupCols, false, 15, 255, anyByte, ofInt4, plainTile(int4TileGeneric)},
		{"int8", groupCols, 4, groupCols, false, 255 - int8Bias, 255, anyByte, ofInt8, plainTile(int8TileGeneric)},
		{"trits", tritsCols, 1, tritsUnit, true, 2, 255, fiveTrits, trits, func(columns int, w []byte, x []int8, offset, dst *int32) {
			wide := make([]byte, len(w)/4*5)
			widenTritsGeneric(wide, w)
			plainTile(ternaryTileGeneric)(columns, wide, x, offset, dst)
		}},
		{"signs", signsCols, 1, signsCols, true, 2, 255, anyByte, ofSigns, func(columns int, w []byte, x []int8, offset, dst *int32) {
			plainTile(ternaryTileGeneric)(columns, widenSigns(nil, w), x, offset, dst)
		}},
	}
}

// everyTile calls body with each tile, as a tile and, if it is one, as a quad.
func everyTile(body func(p layout, name string, t tile, blocks int)) {
	for _, p := range layouts() {
		for _, on := range implementations() {
			for _, t := range p.tiles(&on) {
				name := fmt.Sprintf("%s/%s/%d", p.name, on.name, t.tokens)
				if t.packed == p.packed {
					body(p, name, t, 1)
				}
				if t.quad != nil {
					body(p, name+"/quad", t, 4)
				}
			}
		}
	}
}

// operands are the operands of a tile; sums are its results, between guards.
type operands struct {
	columns, blocks int
	w               []byte
	x               []int8 // [columns/together][tokens][together]
	together        int
	offset, sums    []int32
}

const tileGuard = 8

// everyUnit is a multiple of the units of all layouts.
const everyUnit = 2 * tritsUnit

// operandsAt allocates operands that begin shift bytes after a multiple of 64. For sums and
// offsets the shift is rounded down to a multiple of their size.
func operandsAt(shift int, p layout, t tile, columns, blocks int) operands {
	o := operands{
		columns: columns, blocks: blocks, together: t.together(),
		w:      shifted[byte](shift, blocks*columns/p.cols*p.lines*lineBytes),
		x:      shifted[int8](shift, columns*t.tokens),
		offset: shifted[int32](shift, t.tokens),
		sums:   shifted[int32](shift, 2*tileGuard+t.tokens*blocks*blockRows),
	}
	for i := range o.sums {
		o.sums[i] = 1 << 30
	}
	return o
}

func shifted[T any](shift, n int) []T {
	var one T
	size := int(unsafe.Sizeof(one))
	v := make([]T, n+128/size)
	from := -int(uintptr(unsafe.Pointer(&v[0]))) & 63
	return v[(from+shift)/size:][:n:n]
}

// check runs a tile and compares every sum with plain Go.
func (o *operands) check(t *testing.T, p layout, name string, tile tile) {
	t.Helper()
	dst := o.sums[tileGuard:]
	if o.blocks == 1 {
		q := panel{tile: tile, x: o.x, offset: o.offset}
		q.run(o.columns/p.cols, 0, o.w, &dst[0], blockRows)
	} else {
		tile.quad(o.columns, &o.w[0], &o.x[0], &o.offset[0], &dst[0], len(o.w)/o.blocks)
	}
	want := make([]int32, len(o.sums))
	for i := range want {
		want[i] = 1 << 30
	}
	for token := range tile.tokens {
		for b := range o.blocks {
			size := len(o.w) / o.blocks
			first := tileGuard + (token*o.blocks+b)*blockRows
			p.plain(o.columns, o.w[b*size:][:size], o.row(token, tile.tokens), &o.offset[token], &want[first])
		}
	}
	for i, got := range o.sums {
		if got != want[i] {
			t.Fatalf("%s, %d columns: sum %d is %d, want %d", name, o.columns, i-tileGuard, got, want[i])
		}
	}
}

// row is the activations of a token.
func (o *operands) row(token, tokens int) []int8 {
	var row []int8
	for at := o.together * token; at < len(o.x); at += o.together * tokens {
		row = append(row, o.x[at:at+o.together]...)
	}
	return row
}

func (o *operands) random(r *rand.Rand, p layout) {
	for i := range o.w {
		o.w[i] = p.code(r)
	}
	fillTernary(r, nil, o.x, false)
	for i := range o.offset {
		o.offset[i] = int32(r.IntN(1<<20) - 1<<19)
	}
	o.undoBias(p)
}

// undoBias gives int8 the offsets that its products have: a tile may take the bias off the
// weights instead.
func (o *operands) undoBias(p layout) {
	if p.name != "int8" {
		return
	}
	for token := range o.offset {
		o.offset[token] = -int8Bias * sumInt8(o.row(token, len(o.offset)))
	}
}

func TestTilesAtAllAlignments(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	everyTile(func(p layout, name string, tile tile, blocks int) {
		for shift := range 64 {
			o := operandsAt(shift, p, tile, everyUnit, blocks)
			o.random(r, p)
			o.check(t, p, name, tile)
		}
	})
}

// TestTilesOfAllLengths goes past every number of groups that is added up in narrow sums.
func TestTilesOfAllLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	everyTile(func(p layout, name string, tile tile, blocks int) {
		for columns := p.unit; columns <= 67*groupCols; columns += p.unit {
			o := operandsAt(0, p, tile, columns, blocks)
			o.random(r, p)
			o.check(t, p, name, tile)
		}
	})
}

// TestTilesDoNotOverflow has the longest row of the largest codes and activations.
func TestTilesDoNotOverflow(t *testing.T) {
	const columns = 32768 / everyUnit * everyUnit
	everyTile(func(p layout, name string, tile tile, blocks int) {
		for _, v := range []int8{127, -128} {
			o := operandsAt(0, p, tile, columns, blocks)
			for i := range o.w {
				o.w[i] = p.largest
			}
			for i := range o.x {
				o.x[i] = v
			}
			o.undoBias(p)
			o.check(t, p, name, tile)
			if got, want := o.sums[tileGuard], columns*int32(p.top)*int32(v); got != want {
				t.Errorf("%s: the sum of %d is %d, want %d", name, v, got, want)
			}
		}
	})
}

func TestTritsWiden(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	everyImplementation(t, func(t *testing.T) {
		for shift := range 64 {
			lines := 4 * (1 + shift%5)
			block, want := shifted[byte](shift, lines*lineBytes), make([]byte, lines/4*5*lineBytes)
			wide := shifted[byte](shift, len(want)+2*tileGuard)
			for i := range block {
				block[i] = tritsByte[r.IntN(243)]
			}
			for i := range wide {
				wide[i] = 0xff
			}
			widenTrits(wide[tileGuard:][:0], block)
			widenTritsGeneric(want, block)
			guards := slices.Repeat([]byte{0xff}, tileGuard)
			if !slices.Equal(wide, slices.Concat(guards, want, guards)) {
				t.Fatalf("%d lines, %d bytes after a line: not the codes of plain Go", lines, shift)
			}
		}
	})
}

func FuzzTiles(f *testing.F) {
	tiles := 0
	everyTile(func(layout, string, tile, int) { tiles++ })
	for i := range tiles {
		f.Add(uint64(1), i, 0, i)
	}
	f.Fuzz(func(t *testing.T, seed uint64, shift, units, which int) {
		r := rand.New(rand.NewPCG(seed, 0))
		i := 0
		everyTile(func(p layout, name string, tile tile, blocks int) {
			if i++; uint(which)%uint(tiles) != uint(i-1) {
				return
			}
			o := operandsAt(shift&63, p, tile, (1+units&3)*everyUnit, blocks)
			o.random(r, p)
			o.check(t, p, name, tile)
		})
	})
}
