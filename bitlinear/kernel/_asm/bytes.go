package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// widenBytes turns packed weights into signed bytes, one for each weight, as AMX reads them.
func widenBytes(name, doc string, lines int, prepare func() func(w Mem, to func(i int, line reg.VecVirtual))) {
	TEXT(name, NOSPLIT, "func(lines int, w, dst *byte)")
	Doc(name + " turns lines of " + doc + " into lines of int8, four columns of a row in each lane.")
	n, w, dst := param("lines"), param("w"), param("dst")
	unpack := prepare()
	Label("loop")
	unpack(Mem{Base: w}, func(i int, line reg.VecVirtual) { VMOVDQU32(line, Mem{Base: dst, Disp: 64 * i}) })
	ADDQ(Imm(64), w)
	ADDQ(U32(64*lines), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	finish()
}

func ternaryBytes() {
	widenBytes("ternaryBytes512", "2-bit codes", 4, func() func(Mem, func(int, reg.VecVirtual)) {
		load, one := ternaryWeights.prepare(), ZMM()
		VPBROADCASTD(constant("byteOnes", 0x01010101), one)
		line := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
		return func(w Mem, to func(int, reg.VecVirtual)) {
			load(line, w.Base.(reg.GPVirtual))
			for i, l := range line {
				VPSUBB(one, l, l)
				to(i, l)
			}
		}
	})
}

func signsBytes() {
	widenBytes("signsBytes512", "a bit a weight", 8, func() func(Mem, func(int, reg.VecVirtual)) {
		mask, one, line, sign := ZMM(), ZMM(), ZMM(), ZMM()
		VPBROADCASTD(signMask(), mask)
		VPBROADCASTD(constant("byteOnes", 0x01010101), one)
		return func(w Mem, to func(int, reg.VecVirtual)) {
			VMOVDQU32(w, line)
			for b := range 8 {
				signs(b, line, mask, sign)
				VPSUBB(one, sign, sign)
				to(b, sign)
			}
		}
	})
}

func int4Bytes() {
	widenBytes("int4Bytes512", "4-bit codes", 2, func() func(Mem, func(int, reg.VecVirtual)) {
		mask, low, high := ZMM(), ZMM(), ZMM()
		VPBROADCASTD(nibbleMask(), mask)
		return func(w Mem, to func(int, reg.VecVirtual)) {
			VMOVDQU32(w, high)
			VPANDD(mask, high, low)
			VPSRLW(U8(4), high, high)
			VPANDD(mask, high, high)
			to(0, low)
			to(1, high)
		}
	})
}

func tritsBytes() {
	widenBytes("tritsBytes512", "five digits a byte", 5, func() func(Mem, func(int, reg.VecVirtual)) {
		takeOut := digits(zmm)
		mask, one, q, spare, digit := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
		VPBROADCASTD(codeMask(), mask)
		VPBROADCASTD(constant("byteOnes", 0x01010101), one)
		return func(w Mem, to func(int, reg.VecVirtual)) {
			VMOVDQU32(w, q)
			for i := range 5 {
				if i > 0 {
					times3(q, spare)
				}
				takeOut(q, spare, digit)
				VPSRLW(U8(6), digit, digit)
				VPANDD(mask, digit, digit)
				VPSUBB(one, digit, digit)
				to(i, digit)
			}
		}
	})
}

func int8Bytes() {
	widenBytes("int8Bytes512", "bytes that are 128 too large", 1, func() func(Mem, func(int, reg.VecVirtual)) {
		bias, line := ZMM(), ZMM()
		VPBROADCASTD(broadcast("byteBias", 0x80808080), bias)
		return func(w Mem, to func(int, reg.VecVirtual)) {
			VPXORD(w, bias, line)
			to(0, line)
		}
	})
}
