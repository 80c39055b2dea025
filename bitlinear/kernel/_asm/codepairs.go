package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// ternaryPairs makes the second operand of a product in bfloat16 of ternary weights of 2 bits. Each
// column is a lane: it shifts the codes of a row so that its own is lowest, and looks that up in tables of
// the bits of -1, 0 and 1, in the low half of a lane for the first row and in the high half for the second.
func ternaryPairs() {
	TEXT("ternaryPairs512", NOSPLIT, "func(pairs int, dst, codes *byte)")
	Doc("ternaryPairs512 writes dst[p][j] = weights of rows 2p and 2p+1 of a line, in bfloat16, for its 16 columns j.")
	pairs, dst, codes := param("pairs"), param("dst"), param("codes")
	shifts, first, second := ZMM(), ZMM(), ZMM()
	VMOVDQU32(lanes("codeShifts", func(lane int) uint32 { return uint32(8*(lane%4) + 2*(lane/4)) }), shifts)
	values := [4]uint32{0xbf80, 0, 0x3f80, 0}
	VMOVDQU32(lanes("codeFirst", func(lane int) uint32 { return values[lane%4] }), first)
	VMOVDQU32(lanes("codeSecond", func(lane int) uint32 { return values[lane%4] << 16 }), second)
	low, high := ZMM(), ZMM()
	Label("loop")
	VPBROADCASTD(Mem{Base: codes}, low)
	VPBROADCASTD(Mem{Base: codes, Disp: 4}, high)
	VPSRLVD(shifts, low, low)
	VPSRLVD(shifts, high, high)
	VPERMD(first, low, low)
	VPERMD(second, high, high)
	VPORD(low, high, low)
	VMOVDQU32(low, Mem{Base: dst})
	ADDQ(Imm(8), codes)
	ADDQ(Imm(64), dst)
	DECQ(pairs)
	JNZ(LabelRef("loop"))
	finish()
}

// lanes is a read-only constant of 16 words.
func lanes(name string, word func(lane int) uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(word(i)))
	}
	return m
}
