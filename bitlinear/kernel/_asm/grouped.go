package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// groupedTile multiplies four neighbouring blocks of weights with a scale a group by a few tokens.
// A byte of a line has 8/bits codes. Those at its lowest places are multiplied where they stand,
// into sums of their own, and the line is shifted only when these are done. The sum of codes that
// stand bits higher is that many times too large; it is shifted once, after a part.
type groupedTile struct {
	registers
	dotGrouped
	bits, tokens, places int
	masks                []reg.VecVirtual     // [places]
	line, codes          []reg.VecVirtual     // 16 rows
	sums                 [][][]reg.VecVirtual // [tokens][places], 16 rows
}

// dotGrouped multiplies codes of 16 rows by the activations of four columns.
type dotGrouped struct {
	name  string
	add   func(x Mem, codes, sums []reg.VecVirtual)
	widen func(sum reg.VecVirtual) // to 32 bits, after a part; nil: sums have them
}

var (
	grouped512 = dotGrouped{"VNNI", func(x Mem, codes, sums []reg.VecVirtual) {
		VPDPBUSD_BCST(x, codes[0], sums[0])
	}, nil}
	groupedAVXVNNI = dotGrouped{"AVXVNNI", func(x Mem, codes, sums []reg.VecVirtual) {
		in := broadcastYMM(x)
		for h, sum := range sums {
			VPDPBUSD(in, codes[h], sum)
		}
	}, nil}
	// Pairs of products are from -768 to 762, and a part of 128 columns adds up 32: they stay in
	// 16 bits.
	groupedAVX2 = dotGrouped{"AVX2", func(x Mem, codes, sums []reg.VecVirtual) {
		in, pairs := broadcastYMM(x), YMM()
		for h, sum := range sums {
			VPMADDUBSW(in, codes[h], pairs)
			VPADDW(pairs, sum, sum)
		}
	}, func(sum reg.VecVirtual) { VPMADDWD(wordOnes(), sum, sum) }}
)

// groupedTiles512 and groupedTiles256 take as many places as there are registers for.
func groupedTiles512() {
	for bits := 1; bits <= 2; bits++ {
		for _, tokens := range []int{1, 2, 4} {
			(&groupedTile{registers: zmm, dotGrouped: grouped512, bits: bits, tokens: tokens, places: 4}).write()
		}
		(&groupedTile{registers: zmm, dotGrouped: grouped512, bits: bits, tokens: 8, places: 2}).write()
	}
}

func groupedTiles256() {
	for bits := 1; bits <= 2; bits++ {
		for _, tokens := range []int{1, 2, 4} {
			places := min(2, 4/tokens)
			(&groupedTile{registers: ymm, dotGrouped: groupedAVXVNNI, bits: bits, tokens: tokens, places: places}).write()
			(&groupedTile{registers: ymm, dotGrouped: groupedAVX2, bits: bits, tokens: tokens, places: 1}).write()
		}
	}
}

func (g *groupedTile) write() {
	kind := map[int]string{1: "signs", 2: "ternary"}[g.bits]
	name := fmt.Sprintf("%sGrouped%sx%d", kind, g.name, g.tokens)
	TEXT(name, NOSPLIT, "func(parts, lines int, w *byte, size int, x *int8, offset *int32, "+
		"factor *float32, scale *uint16, dst *float32)")
	Doc(fmt.Sprintf("%s is a groupedQuad of %d tokens.", name, g.tokens))
	g.begin()
	parts, w, size, x, scale, dst := param("parts"), param("w"), param("size"), param("x"), param("scale"), param("dst")
	offset, factor := param("offset"), param("factor")
	block, from, in, out, left, lines := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	Label("part")
	MOVQ(w, block)
	MOVQ(dst, out)
	MOVQ(U32(4), left)
	Label("block")
	MOVQ(block, from)
	MOVQ(x, in)
	Load(Param("lines"), lines)
	g.clear()
	Label("line")
	g.addLine(from, in, size)
	DECQ(lines)
	JNZ(LabelRef("line"))
	g.addScaled(offset, factor, scale, out)
	PREFETCHT1(Mem{Base: scale, Disp: 2048})
	ADDQ(Imm(32), scale)
	ADDQ(Imm(64), out)
	ADDQ(size, block)
	DECQ(left)
	JNZ(LabelRef("block"))
	MOVQ(in, x)
	ADDQ(size, w) // and what was read of the last block
	SUBQ(block, w)
	ADDQ(from, w)
	ADDQ(Imm(uint64(4*g.tokens)), offset)
	ADDQ(Imm(uint64(4*g.tokens)), factor)
	DECQ(parts)
	JNZ(LabelRef("part"))
	finish()
}

// rows is registers for 16 rows.
func (r registers) rows() (list []reg.VecVirtual) {
	for range r.parts {
		list = append(list, r.one())
	}
	return list
}

func (g *groupedTile) begin() {
	g.line, g.codes = g.rows(), g.rows()
	for p := range g.places {
		code := uint32(1<<g.bits-1) << (g.bits * p) * 0x01010101
		g.masks = append(g.masks, g.word(fmt.Sprintf("codes%dAt%d", g.bits, p), code))
	}
	for range g.tokens {
		var places [][]reg.VecVirtual
		for range g.places {
			places = append(places, g.rows())
		}
		g.sums = append(g.sums, places)
	}
}

func (g *groupedTile) clear() {
	for _, places := range g.sums {
		for _, sums := range places {
			for _, s := range sums {
				VXORPS(s, s, s)
			}
		}
	}
}

// addLine adds the products of a line and goes to the next. It fetches the line of the next four
// blocks.
func (g *groupedTile) addLine(from, in, size reg.Register) {
	for h, line := range g.line {
		VMOVUPS(Mem{Base: from, Disp: 32 * h}, line)
	}
	PREFETCHT1(Mem{Base: from, Index: size, Scale: 4})
	fields := 8 / g.bits
	for f := range fields {
		place := f % g.places
		for h, line := range g.line {
			if f > 0 && place == 0 {
				VPSRLW(U8(g.bits*g.places), line, line)
			}
			g.and(g.masks[place], line, g.codes[h])
		}
		for t := range g.tokens {
			g.add(Mem{Base: in, Disp: 4 * (f*g.tokens + t)}, g.codes, g.sums[t][place])
		}
	}
	ADDQ(Imm(64), from)
	ADDQ(U32(4*fields*g.tokens), in)
}

func (r registers) and(mask, v, to reg.VecVirtual) {
	if r.parts == 1 {
		VPANDD(mask, v, to)
		return
	}
	VPAND(mask, v, to)
}

// addScaled adds the sums of a part, rescaled, to those of 16 rows at out. Products and sums are
// rounded one by one, as in plain Go.
func (g *groupedTile) addScaled(offset, factor, scale, out reg.Register) {
	bytes := 64 / g.parts
	for h := range g.line {
		scales := g.line[h]
		VCVTPH2PS(Mem{Base: scale, Disp: h * bytes / 2}, scales)
		for t, places := range g.sums {
			sum, spare := g.total(places, h), g.codes[h]
			VPBROADCASTD(Mem{Base: offset, Disp: 4 * t}, spare)
			VPADDD(spare, sum, sum)
			VCVTDQ2PS(sum, sum)
			VBROADCASTSS(Mem{Base: factor, Disp: 4 * t}, spare)
			VMULPS(spare, sum, sum)
			VMULPS(scales, sum, sum)
			dst := Mem{Base: out, Disp: 256*t + h*bytes}
			VADDPS(dst, sum, sum)
			VMOVUPS(sum, dst)
		}
	}
}

// total adds up the sums of the places. The code of a sign is 2, where it stands at the second bit.
func (g *groupedTile) total(places [][]reg.VecVirtual, h int) reg.VecVirtual {
	for p, sums := range places {
		s := sums[h]
		if g.widen != nil {
			g.widen(s)
		}
		switch by := g.bits*p + g.bits - 2; {
		case by < 0:
			VPADDD(s, s, s)
		case by > 0:
			VPSRAD(U8(by), s, s)
		}
		if p > 0 {
			VPADDD(s, places[0][h], places[0][h])
		}
	}
	return places[0][h]
}

// addParts adds the scaled sums of several parts to eight tokens of 32 rows at a time, which stay in
// registers meanwhile.
func addParts() {
	const tokens = 8
	TEXT("addParts512", NOSPLIT, "func(tokens, parts int, dst *float32, x *int32, factor *float32, scale *uint16)")
	Doc("addParts512 adds float32(x[p*1024+t*32+i])*factor[p*32+t]*scale[p*64+i] to dst[t*32+i] for each part p in order,",
		"i below 32 and tokens t, a multiple of 8; scale is in half precision.")
	left, dst, x, factor, scale := param("tokens"), param("dst"), param("x"), param("factor"), param("scale")
	sums, scales, v := make([]reg.VecVirtual, 2*tokens), []reg.VecVirtual{ZMM(), ZMM()}, ZMM()
	part, in, factors, from := GP64(), GP64(), GP64(), GP64()
	Label("tokens")
	for i := range sums {
		sums[i] = ZMM()
		VMOVUPS(Mem{Base: dst, Disp: 64 * i}, sums[i])
	}
	Load(Param("parts"), part)
	MOVQ(x, in)
	MOVQ(factor, factors)
	MOVQ(scale, from)
	Label("part")
	for h, s := range scales {
		VCVTPH2PS(Mem{Base: from, Disp: 32 * h}, s)
	}
	for i, sum := range sums {
		VCVTDQ2PS(Mem{Base: in, Disp: 64 * i}, v)
		VMULPS_BCST(Mem{Base: factors, Disp: i / 2 * 4}, v, v)
		VMULPS(scales[i%2], v, v)
		VADDPS(v, sum, sum)
	}
	ADDQ(U32(4096), in)
	ADDQ(U32(128), factors)
	ADDQ(U32(128), from)
	DECQ(part)
	JNZ(LabelRef("part"))
	for i, sum := range sums {
		VMOVUPS(sum, Mem{Base: dst, Disp: 64 * i})
	}
	ADDQ(U32(128*tokens), dst)
	ADDQ(U32(128*tokens), x)
	ADDQ(U32(4*tokens), factor)
	SUBQ(Imm(tokens), left)
	JNZ(LabelRef("tokens"))
	finish()
}
