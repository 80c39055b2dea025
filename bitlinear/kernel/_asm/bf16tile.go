package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	bf16TileRows  = 8  // rows of a tile
	bf16TilePairs = 4  // pairs of values that are multiplied in one turn of the loop
	bf16Line      = 64 // bytes of a line of a block, and of a row of a panel
)

// tilesBF16 is amxTilesBF16 for machines that multiply pairs of bfloat16 in vectors. One operand
// is a line of a block, 16 pairs, the other a pair of a row, broadcast. Eight rows by two blocks
// are 16 sums. That is enough for a unit with a latency of six cycles to begin two products a
// cycle, and needs 10 loads for 16 products.
func tilesBF16() {
	const rows, pairs, line, panelRows = bf16TileRows, bf16TilePairs, bf16Line, 32
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
	addBF16Products(first, second, in, w, pair, &sums)
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

// addBF16Products adds to sums the products of bf16TilePairs pairs: of the rows at in, and of the
// lines of two blocks at first and second.
func addBF16Products(
	first, second, in reg.Register, w [2]reg.VecVirtual, pair reg.VecVirtual, sums *[bf16TileRows][2]reg.VecVirtual,
) {
	for p := range bf16TilePairs {
		VMOVDQU32(Mem{Base: first, Disp: bf16Line * p}, w[0])
		VMOVDQU32(Mem{Base: second, Disp: bf16Line * p}, w[1])
		for r := range sums {
			VPBROADCASTD(Mem{Base: in, Disp: bf16Line*r + 4*p}, pair)
			for b, sum := range sums[r] {
				VPDPWSSD(w[b], pair, sum) // becomes VDPBF16PS
			}
		}
	}
}
