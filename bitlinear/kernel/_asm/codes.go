package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
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

// ternaryQuads makes the second operand of a product in int8. Four rows of a line are 128 bits: byte e of each has the
// columns e, 4+e, 8+e and 12+e, and a copy of them in each quarter of 16 lanes takes another two bits.
func (r registers) ternaryQuads() {
	TEXT("ternaryQuads"+r.suffix, NOSPLIT, "func(lines int, dst *byte, distance int, codes *byte)")
	Doc("ternaryQuads" + r.suffix + " is ternaryQuadsGeneric of some lines, whose weights are written a distance apart.")
	n, dst, distance, codes := param("lines"), param("dst"), param("distance"), param("codes")
	mask, one := r.word("codeMask", 0x03030303), r.word("byteOnes", 0x01010101)
	order, four, v, shifts := r.one(), r.one(), r.one(), r.rows()
	VMOVUPS(lanes("byteTranspose4", func(lane int) uint32 { return 0x0c080400 + 0x01010101*uint32(lane%4) }), order)
	quarters := lanes("quarterShifts", func(lane int) uint32 { return uint32(2 * (lane / 4)) })
	for part, s := range shifts {
		VMOVUPS(quarters.Offset(64/r.parts*part), s)
	}
	Label("loop")
	for q := range 4 {
		r.repeat(Mem{Base: codes, Disp: 16 * q}, four)
		VPSHUFB(order, four, four)
		for part, s := range shifts {
			VPSRLVD(s, four, v)
			r.and(mask, v, v)
			VPSUBB(one, v, v)
			VMOVUPS(v, Mem{Base: dst, Disp: 64*q + 64/r.parts*part})
		}
	}
	ADDQ(Imm(64), codes)
	ADDQ(distance, dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	finish()
}

// repeat fills a register with 128 bits.
func (r registers) repeat(from Mem, v reg.VecVirtual) {
	if r.parts == 1 {
		VBROADCASTI32X4(from, v)
		return
	}
	VBROADCASTI128(from, v)
}

// lanes is a read-only constant of 16 words.
func lanes(name string, word func(lane int) uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(word(i)))
	}
	return m
}

// ternaryBlock packs 16 rows of a matrix at once, 16 columns at a time. A lane takes the codes of a column of
// four rows in its bytes; the four lanes whose columns share a byte of the line are then added. The codes are
// summed as they are, -1 to 1, and made 0 to 2 all at once. Rows of the next block are fetched meanwhile.
func ternaryBlock() {
	TEXT("ternaryBlock512", NOSPLIT, "func(groups int, dst *byte, w *float32, width int, inverse float32)")
	Doc("ternaryBlock512 packs the ternary values of w[r*width+c] for 16 rows r and 16*groups columns c.")
	groups, dst, w, width, inverse := param("groups"), param("dst"), param("w"), param("width"), zmm.splat("inverse")
	rows, next, block := fourRows(w, width)
	shifts, ones, order := ZMM(), ZMM(), ZMM()
	VMOVDQU32(lanes("columnShifts", func(lane int) uint32 { return uint32(2 * (lane / 4)) }), shifts)
	VPBROADCASTD(constant("codeOnes", 0x55555555), ones)
	VMOVDQU32(lanes("byteTranspose", func(lane int) uint32 { return 0x0c080400 + 0x01010101*uint32(lane%4) }), order)
	one, minusOne := zmm.word("float1", 0x3f800000), zmm.word("floatMinus1", 0xbf800000)
	x, v := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, ZMM()
	Label("loop")
	for a, sum := range x {
		LEAQ(Mem{Base: rows[a](0).Base, Index: block, Scale: 1}, next)
		for i := range 4 {
			at := rows[a](i)
			PREFETCHT1(Mem{Base: next, Index: at.Index, Scale: at.Scale})
			to := v
			if i == 0 {
				to = sum
			}
			VMULPS(at, inverse, to)
			VMINPS(one, to, to)
			VMAXPS(minusOne, to, to)
			VCVTPS2DQ(to, to)
			if i > 0 {
				VPSLLD(U8(8*i), v, v)
				VPADDD(v, sum, sum)
			}
		}
		VPSLLVD(shifts, sum, sum)
		ADDQ(Imm(64), rows[a](0).Base)
	}
	for a := 0; a < 4; a += 2 {
		VSHUFI32X4(U8(0xee), x[a+1], x[a], v)
		VSHUFI32X4(U8(0x44), x[a+1], x[a], x[a])
		VPADDD(v, x[a], x[a])
	}
	VSHUFI32X4(U8(0x88), x[2], x[0], v)
	VSHUFI32X4(U8(0xdd), x[2], x[0], x[0])
	VPADDD(v, x[0], x[0])
	VPADDD(ones, x[0], x[0])
	VPSHUFB(order, x[0], x[0])
	VMOVDQU32(x[0], Mem{Base: dst})
	ADDQ(Imm(64), dst)
	DECQ(groups)
	JNZ(LabelRef("loop"))
	finish()
}

// fourRows addresses 16 rows, width floats apart, as four times four. next is a register for the addresses of rows
// block bytes further on, which is the distance of 16 rows.
func fourRows(w, width reg.Register) (rows [4]func(row int) Mem, next, block reg.GPVirtual) {
	next, block = GP64(), GP64()
	rows[0] = fourLines(w, width) // which makes width a number of bytes
	MOVQ(width, block)
	SHLQ(U8(2), block)
	for a := 1; a < 4; a++ {
		base := GP64()
		LEAQ(Mem{Base: rows[a-1](0).Base, Index: block, Scale: 1}, base)
		rows[a] = func(row int) Mem {
			m := rows[0](row)
			m.Base = base
			return m
		}
	}
	SHLQ(U8(2), block)
	return rows, next, block
}

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
