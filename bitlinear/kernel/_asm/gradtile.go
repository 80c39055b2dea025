package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gradTile is amxTiles on vectors: some rows by two blocks, of which registers of 256 bits hold a half at a time. Eight
// rows by 16 columns of both blocks, or four by eight, are 16 or 8 sums, as in tilesBF16.
type gradTile struct {
	registers
	dotGrad
	name                string
	rows                int
	panels, x, dst      reg.Register
	first, second, half reg.Register        // lines of the blocks; bytes from the beginning of a line on
	w                   [2]reg.VecVirtual   // a line, or a half of it, of each block
	off                 [2]reg.VecVirtual   // what a bias of the rows adds
	sums                [][2]reg.VecVirtual // [rows]
	right, left         Mem                 // int16 of the blocks and of the rows
}

// dotGrad multiplies values of a row, 32 bits of them in all lanes, by those of the columns of a line.
type dotGrad struct {
	doc string
	// unsigned: bytes of rows are 128 too large, since they are read without a sign. What that adds, 128 times the sums of
	// the blocks, is taken off where the sums begin.
	unsigned bool
	// words: both operands are widened to int16, the blocks for all panels, rows for a step.
	words bool
	add   func(w, values, sum, spare reg.VecVirtual)
	// steps are added up and then widened to 32 bits; 0: sums have them.
	steps int
	widen func(sum reg.VecVirtual)
}

// Of registers of 256 bits, a product of float32 makes 8 products an instruction.
var (
	// 32 products, and 64 with 512 bits.
	gradVNNI = dotGrad{doc: "tilesGeneric of bytes x that are 128 too large", unsigned: true,
		add: func(w, values, sum, _ reg.VecVirtual) { VPDPBUSD(w, values, sum) }}
	// 32 products in two instructions. Pairs by -1, 0 and 1 are from -510 to 510, and the 64 lines of four steps add up to
	// 32640.
	gradPairs = dotGrad{doc: "tilesGeneric of bytes x that are 128 too large, and of -1, 0 and 1 in the blocks",
		unsigned: true, steps: 4,
		add: func(w, values, sum, spare reg.VecVirtual) {
			VPMADDUBSW(w, values, spare)
			VPADDW(spare, sum, sum)
		},
		widen: func(sum reg.VecVirtual) { VPMADDWD(wordOnes(), sum, sum) }}
	// 16 products in two instructions, of which one needs no multiplier. Bytes would take four for 32, three of them on the
	// multipliers of Zen 4: VPSIGNB, VPMADDUBSW of |w|, whose pairs fit in 16 bits but no sum of two does, and VPMADDWD.
	gradWords = dotGrad{doc: "tilesGeneric of up to 8 steps", words: true,
		add: func(w, values, sum, spare reg.VecVirtual) {
			VPMADDWD(w, values, spare)
			VPADDD(spare, sum, sum)
		}}
)

const (
	gradLine      = 64 // bytes of a line of a block, and of a row's step
	gradLines     = 16 // of a step
	gradPanelRows = 32
	gradSteps     = 8 // that are widened to int16
)

func (t *gradTile) write() {
	t.text()
	t.panels, t.x, t.dst, t.first, t.second, t.half = GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	t.w = [2]reg.VecVirtual{t.one(), t.one()}
	XORQ(t.half, t.half)
	Label("half")
	Load(Param("panels"), t.panels)
	Load(Param("x"), t.x)
	Load(Param("dst"), t.dst)
	ADDQ(t.half, t.dst)
	switch {
	case t.unsigned:
		t.takeOff()
	case t.words:
		t.widenBlocks()
	}
	t.eachPanel()
	if t.parts > 1 {
		ADDQ(Imm(32), t.half)
		CMPQ(t.half, Imm(gradLine))
		JL(LabelRef("half"))
	}
	finish()
}

func (t *gradTile) text() {
	const signature = "func(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte)"
	if !t.words {
		TEXT(t.name, NOSPLIT, signature)
	} else {
		TEXT(t.name, 0, signature)
		t.right = AllocLocal(gradSteps * 2 * gradLines * gradLine)
		t.left = AllocLocal(2 * gradLine * t.rows)
	}
	Doc(t.name + " is " + t.doc + ".")
}

func (t *gradTile) eachPanel() {
	quarter, panelBytes := GP64(), GP64()
	Label("panel")
	MOVQ(U64(uint64(gradPanelRows/t.rows)), quarter)
	Label("rows")
	t.multiplyRows()
	ADDQ(U32(2*gradLine*t.rows), t.dst)
	ADDQ(U32(gradLine*t.rows), t.x)
	DECQ(quarter)
	JNZ(LabelRef("rows"))
	SUBQ(U32(gradLine*gradPanelRows), t.x)
	Load(Param("panelBytes"), panelBytes)
	ADDQ(panelBytes, t.x)
	DECQ(t.panels)
	JNZ(LabelRef("panel"))
}

// blocks begins with the first line.
func (t *gradTile) blocks() {
	Load(Param("w"), t.first)
	Load(Param("blockBytes"), t.second)
	ADDQ(t.half, t.first)
	ADDQ(t.first, t.second)
}

func (t *gradTile) loadLine(i int) {
	VMOVUPS(Mem{Base: t.first, Disp: gradLine * i}, t.w[0])
	VMOVUPS(Mem{Base: t.second, Disp: gradLine * i}, t.w[1])
}

func (t *gradTile) advance(lines int) {
	ADDQ(U32(gradLine*lines), t.first)
	ADDQ(U32(gradLine*lines), t.second)
}

// eachLine goes through the lines of all steps.
func (t *gradTile) eachLine(do func()) {
	left := GP64()
	t.blocks()
	Load(Param("steps"), left)
	SHLQ(U8(4), left)
	Label("line")
	t.loadLine(0)
	do()
	t.advance(1)
	DECQ(left)
	JNZ(LabelRef("line"))
}

// takeOff makes 128 times the sums of the blocks. Those of -1, 0 and 1 fit in 16 bits.
func (t *gradTile) takeOff() {
	ones, spare := t.word("byteOnes", 0x01010101), t.one()
	for b := range t.off {
		t.off[b] = t.zeros()[0]
	}
	t.eachLine(func() {
		for b, sum := range t.off {
			t.add(t.w[b], ones, sum, spare)
		}
	})
	for _, sum := range t.off {
		if t.widen != nil {
			t.widen(sum)
		}
		VPSLLD(U8(7), sum, sum)
	}
}

// widenBlocks makes two lines of each: of the first and of the last two bytes of each column.
func (t *gradTile) widenBlocks() {
	order, to, first := t.one(), GP64(), t.one()
	VMOVUPS(words("middleBytes", func(lane int) uint32 { return 0x03010200 + 0x04040404*uint32(lane%4) }), order)
	LEAQ(t.right, to)
	t.eachLine(func() {
		for b, w := range t.w {
			VPSHUFB(order, w, w)
			VPSLLW(U8(8), w, first)
			VPSRAW(U8(8), first, first)
			VPSRAW(U8(8), w, w)
			VMOVUPS(first, Mem{Base: to, Disp: 32 * b})
			VMOVUPS(w, Mem{Base: to, Disp: gradLine + 32*b})
		}
		ADDQ(U32(2*gradLine), to)
	})
}

// widenRows widens a step of rows.
func (t *gradTile) widenRows(from, to reg.Register) {
	v := t.one()
	LEAQ(t.left, to)
	for r := range t.rows {
		for at := 0; at < gradLine; at += 16 {
			VPMOVSXBW(Mem{Base: from, Disp: gradLine*r + at}, v)
			VMOVUPS(v, Mem{Base: to, Disp: 2 * (gradLine*r + at)})
		}
	}
}

// multiplyRows adds the products of some rows.
func (t *gradTile) multiplyRows() {
	in, left := GP64(), GP64()
	if t.words {
		LEAQ(t.right, t.first)
		LEAQ(Mem{Base: t.first, Disp: 32}, t.second)
	} else {
		t.blocks()
	}
	MOVQ(t.x, in)
	t.begin()
	Load(Param("steps"), left)
	if t.widen == nil {
		t.addSteps(in, left)
		t.store()
		return
	}
	t.store()
	Label("some")
	t.clear()
	t.addSteps(in, takeUpTo(t.steps, left))
	t.each(func(sum, _ reg.VecVirtual, at Mem) {
		t.widen(sum)
		VPADDD(at, sum, sum)
		VMOVUPS(sum, at)
	})
	TESTQ(left, left)
	JNZ(LabelRef("some"))
}

// begin makes the sums what they are before the first product.
func (t *gradTile) begin() {
	more := GP64()
	t.clear()
	Load(Param("more"), more)
	TESTQ(more, more)
	JZ(LabelRef("begin"))
	t.each(func(sum, _ reg.VecVirtual, at Mem) { VMOVUPS(at, sum) })
	Label("begin")
	if t.unsigned {
		t.each(func(sum, off reg.VecVirtual, _ Mem) { VPSUBD(off, sum, sum) })
	}
}

func (t *gradTile) clear() {
	t.each(func(sum, _ reg.VecVirtual, _ Mem) { VXORPS(sum, sum, sum) })
}

func (t *gradTile) store() {
	t.each(func(sum, _ reg.VecVirtual, at Mem) { VMOVUPS(sum, at) })
}

// each goes through the sums, what is taken off them, and their places in memory.
func (t *gradTile) each(do func(sum, off reg.VecVirtual, at Mem)) {
	for len(t.sums) < t.rows {
		t.sums = append(t.sums, [2]reg.VecVirtual{t.one(), t.one()})
	}
	for r, sums := range t.sums {
		for b, sum := range sums {
			do(sum, t.off[b], Mem{Base: t.dst, Disp: 2*gradLine*r + gradLine*b})
		}
	}
}

// addSteps adds the products of some steps to the sums.
func (t *gradTile) addSteps(in, left reg.Register) {
	const unrolled = 4
	from, size, part, values, spare := in, 1, GP64(), t.one(), t.one()
	Label("step")
	if t.words {
		from, size = GP64(), 2
		t.widenRows(in, from)
	}
	MOVQ(U64(uint64(size*gradLines/unrolled)), part)
	Label("lines")
	for i := range unrolled {
		t.loadLine(i)
		for r, sums := range t.sums {
			VPBROADCASTD(Mem{Base: from, Disp: size*gradLine*r + 4*i}, values)
			for b, sum := range sums {
				t.add(t.w[b], values, sum, spare)
			}
		}
	}
	ADDQ(U32(4*unrolled), from)
	t.advance(unrolled)
	DECQ(part)
	JNZ(LabelRef("lines"))
	next := gradLine * gradPanelRows
	if from == in {
		next -= gradLine
	}
	ADDQ(U32(uint64(next)), in)
	DECQ(left)
	JNZ(LabelRef("step"))
}
