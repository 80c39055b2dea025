package intmul

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/float16"
)

// groupedOperands are the operands of a groupedQuad, shift bytes after a multiple of 64; dst lies
// between guards.
type groupedOperands struct {
	parts, lines, tokens int
	together             int
	signs                bool
	w                    []byte // four blocks
	x                    []int8
	offset               []int32
	factor, dst          []float32
	scale                []uint16
}

func newGroupedOperands(r *rand.Rand, shift, parts, lines int, tile tile, signs bool) *groupedOperands {
	tokens := tile.tokens
	o := &groupedOperands{parts: parts, lines: lines, tokens: tokens, together: tile.together(), signs: signs}
	o.w = shifted[byte](shift, quadBlocks*parts*lines*lineBytes)
	o.x = shifted[int8](shift, parts*o.columns()*tokens)
	o.offset, o.factor = shifted[int32](shift, parts*tokens), shifted[float32](shift, parts*tokens)
	o.scale = shifted[uint16](shift, parts*quadBlocks*blockRows)
	o.dst = shifted[float32](shift, 2*tileGuard+tokens*quadBlocks*blockRows)
	for i := range o.w {
		o.w[i] = byte(r.IntN(256)) // codes of 3 too
	}
	copy(o.x, kerneltest.Int8(r, len(o.x)))
	for i := range o.offset {
		o.offset[i] = int32(r.IntN(1<<15) - 1<<14)
	}
	copy(o.factor, kerneltest.Spread(r, len(o.factor)))
	for i := range o.scale {
		o.scale[i] = float16.Bits(float32(r.NormFloat64()))
	}
	copy(o.dst, kerneltest.Spread(r, len(o.dst)))
	return o
}

// columns is the number of columns of a part.
func (o *groupedOperands) columns() int {
	if o.signs {
		return o.lines * signsCols
	}
	return o.lines * groupCols
}

// want is dst by the tiles of plain Go.
func (o *groupedOperands) want() []float32 {
	want := slices.Clone(o.dst)
	size, part := o.parts*o.lines*lineBytes, o.columns()
	for p := range o.parts {
		for b := range quadBlocks {
			codes := o.w[b*size+p*o.lines*lineBytes:][:o.lines*lineBytes]
			if o.signs {
				codes = widenSigns(nil, codes)
			}
			scale := o.scale[(p*quadBlocks+b)*blockRows:][:blockRows]
			for t := range o.tokens {
				var row []int8
				for c := 0; c < part; c += o.together {
					row = append(row, o.x[(p*part+c)*o.tokens+t*o.together:][:o.together]...)
				}
				var sums [blockRows]int32
				ternaryTileGeneric(part/groupCols, &codes[0], &row[0], &o.offset[p*o.tokens+t], &sums[0], 0)
				addScaledGeneric(want[tileGuard+(t*quadBlocks+b)*blockRows:][:blockRows], sums[:], o.factor[p*o.tokens+t], scale)
			}
		}
	}
	return want
}

// everyGrouped calls body with each groupedQuad there is.
func everyGrouped(body func(name string, t tile, signs bool)) {
	for _, on := range implementations() {
		for kind, tiles := range map[string][]tile{"ternary": on.ternary, "signs": on.signs} {
			for _, t := range tiles {
				if t.grouped != nil {
					body(fmt.Sprintf("%s/%s/%d", on.name, kind, t.tokens), t, kind == "signs")
				}
			}
		}
	}
}

func (o *groupedOperands) check(t *testing.T, name string, run groupedQuad) {
	t.Helper()
	want := o.want()
	run(o.parts, o.lines, &o.w[0], len(o.w)/quadBlocks, &o.x[0], &o.offset[0], &o.factor[0], &o.scale[0], &o.dst[tileGuard])
	for i, got := range o.dst {
		if got != want[i] {
			t.Fatalf("%s, %d parts of %d lines: value %d is %g, want %g", name, o.parts, o.lines, i-tileGuard, got, want[i])
		}
	}
}

func TestGroupedQuads(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	everyGrouped(func(name string, tile tile, signs bool) {
		lines := []int{4, 8}
		if signs {
			lines = []int{2, 4}
		}
		for shift := range 64 {
			o := newGroupedOperands(r, shift, 1+shift%5, lines[shift%2], tile, signs)
			o.check(t, name, tile.grouped)
		}
		for _, v := range []int8{127, -128} { // the largest sums
			o := newGroupedOperands(r, 0, 2, lines[1], tile, signs)
			copy(o.w, slices.Repeat([]byte{255}, len(o.w)))
			copy(o.x, slices.Repeat([]int8{v}, len(o.x)))
			o.check(t, name, tile.grouped)
		}
	})
}
