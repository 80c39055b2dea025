package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tilesBF16 is amxTilesBF16 for machines that multiply pairs of bfloat16 in vectors. A line of
// a block, 16 pairs, is an operand as it lies there, and a pair of a row is broadcast. Eight
// rows by two blocks are 16 sums, enough for a unit that takes six cycles to begin two products
// a cycle, and need 10 loads for 16 products.
func tilesBF16() {
	const rows, pairs, line, panelRows = 8, 4, 64, 32
	TEXT("tilesBF16x512", NOSPLIT, "func(panels, steps int, w *byte, blockBytes int, "+
		"x *byte, panelBytes int, dst *float32, more int, next *byte)")
	Doc("tilesBF16x512 is amxTilesBF16 on vectors.")
	panels, x, dst, more := param("panels"), param("x"), param("dst"), param("more")
	first, second, in, quarter, step, part := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	w, pair := [2]reg.VecVirtual{ZMM(), ZMM()}, ZMM()
	var sums [rows][2]reg.VecVirtual
	each := func(do func(sum reg.VecVirtual, at Mem)) {
		for r := range sums {
			for b := range sums[r] {
				if sums[r][b] == nil {
					sums[r][b] = ZMM()
				}
				do(sums[r][b], Mem{Base: dst, Disp: 128*r + 64*b})
			}
		}
	}
	Label("panel")
	MOVQ(U64(panelRows/rows), quarter)
	Label("rows")
	Load(Param("w"), first)
	Load(Param("blockBytes"), second)
	ADDQ(first, second)
	MOVQ(x, in)
	each(func(sum reg.VecVirtual, _ Mem) { VPXORD(sum, sum, sum) })
	TESTQ(more, more)
	JZ(LabelRef("begin"))
	each(func(sum reg.VecVirtual, at Mem) { VMOVUPS(at, sum) })
	Label("begin")
	Load(Param("steps"), step)
	Label("step")
	MOVQ(U64(16/pairs), part)
	Label("pairs")
	for p := range pairs {
		VMOVDQU32(Mem{Base: first, Disp: line * p}, w[0])
		VMOVDQU32(Mem{Base: second, Disp: line * p}, w[1])
		for r := range sums {
			VPBROADCASTD(Mem{Base: in, Disp: line*r + 4*p}, pair)
			for b, sum := range sums[r] {
				VPDPWSSD(w[b], pair, sum) // becomes VDPBF16PS
			}
		}
	}
	ADDQ(U32(4*pairs), in)
	ADDQ(U32(line*pairs), first)
	ADDQ(U32(line*pairs), second)
	DECQ(part)
	JNZ(LabelRef("pairs"))
	ADDQ(U32(line*panelRows-line), in)
	DECQ(step)
	JNZ(LabelRef("step"))
	each(func(sum reg.VecVirtual, at Mem) { VMOVUPS(sum, at) })
	ADDQ(U32(128*rows), dst)
	ADDQ(U32(line*rows), x)
	DECQ(quarter)
	JNZ(LabelRef("rows"))
	SUBQ(U32(line*panelRows), x)
	panelBytes := GP64()
	Load(Param("panelBytes"), panelBytes)
	ADDQ(panelBytes, x)
	DECQ(panels)
	JNZ(LabelRef("panel"))
	finish()
}
