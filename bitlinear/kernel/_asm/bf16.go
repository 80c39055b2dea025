package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rounding returns the code that rounds the float32 of v to bfloat16, to nearest and half
// to even, in the high half of each lane; the low half is not cleared.
func rounding() func(v reg.VecVirtual) {
	one, half, spare := zmm.word("int1", 1), zmm.word("belowHalf", 0x7fff), ZMM()
	return func(v reg.VecVirtual) {
		VPSRLD(U8(16), v, spare)
		VPANDD(one, spare, spare)
		VPADDD(half, v, v)
		VPADDD(spare, v, v)
	}
}

// pairLoad writes the code that loads 16 values of a row as float32 whose high halves are bfloat16.
type pairLoad func(from Mem, v reg.VecVirtual)

func roundedFloats() pairLoad {
	round := rounding()
	return func(from Mem, v reg.VecVirtual) {
		VMOVUPS(from, v)
		round(v)
	}
}

// pairing returns the code that makes pairs of bfloat16 of two rows, the first row in the
// low halves, in low.
func pairing(load pairLoad) func(low, high reg.VecVirtual, first, second Mem) {
	mask := zmm.word("highHalf", 0xffff0000)
	const keepOr = 0xf8 // of VPTERNLOG: a | b&c
	return func(low, high reg.VecVirtual, first, second Mem) {
		load(first, low)
		load(second, high)
		VPSRLD(U8(16), low, low)
		VPTERNLOGD(U8(keepOr), mask, high, low)
	}
}

// bf16Pairs packs 16 columns of the second operand of a product.
func bf16Pairs() {
	TEXT("bf16Pairs512", NOSPLIT, "func(pairs int, dst *byte, x *float32, ld int)")
	Doc("bf16Pairs512 writes dst[p][j] = x[2p*ld+j], x[(2p+1)*ld+j] in bfloat16 for 16 columns j.")
	pairs(4, roundedFloats())
}

func bf16TernaryPairs() {
	TEXT("bf16TernaryPairs512", NOSPLIT, "func(pairs int, dst *byte, x *float32, ld int, inverse float32)")
	Doc("bf16TernaryPairs512 is bf16Pairs512 of the ternary values of x, as ternarize512 makes them.")
	ternary := zmm.ternary(zmm.splat("inverse"))
	pairs(4, func(from Mem, v reg.VecVirtual) { ternary(from, v) })
}

func bf16Int8Pairs() {
	TEXT("bf16Int8Pairs512", NOSPLIT, "func(pairs int, dst *byte, x *int8, ld int)")
	Doc("bf16Int8Pairs512 is bf16Pairs512 of int8.")
	pairs(1, func(from Mem, v reg.VecVirtual) {
		VPMOVSXBD(from, v)
		VCVTDQ2PS(v, v)
	})
}

// columnsAhead is the distance, in bytes, at which rows are prefetched for the blocks of columns that
// are packed next: alone, a block would wait for a line of each of its rows.
const columnsAhead = 512

// pairs is the body of a function that packs pairs of rows of values of size bytes.
func pairs(size uint8, load pairLoad) {
	n, dst, x, ld := param("pairs"), param("dst"), param("x"), param("ld")
	pair, low, high := pairing(load), ZMM(), ZMM()
	if size == 4 {
		SHLQ(U8(2), ld)
	}
	Label("loop")
	PREFETCHT0(Mem{Base: x, Disp: columnsAhead})
	PREFETCHT0(Mem{Base: x, Index: ld, Scale: 1, Disp: columnsAhead})
	pair(low, high, Mem{Base: x}, Mem{Base: x, Index: ld, Scale: 1})
	VMOVDQU32(low, Mem{Base: dst})
	LEAQ(Mem{Base: x, Index: ld, Scale: 2}, x.(reg.GPVirtual))
	ADDQ(Imm(64), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	finish()
}

// bf16PairsOfRows packs 16 columns of the second operand, which are stored as rows.
func bf16PairsOfRows() {
	TEXT("bf16PairsOfRows512", NOSPLIT, "func(steps int, dst *byte, x *float32, ld int)")
	Doc("bf16PairsOfRows512 writes dst[s][p][j] = x[j*ld+32s+2p], x[j*ld+32s+2p+1] in bfloat16 for 16 rows j",
		"and 16 pairs p of each step.")
	steps, dst, x, ld := param("steps"), param("dst"), param("x"), param("ld")
	load, v, low, from, below := roundedFloats(), ZMM(), YMM(), GP64(), GP64()
	SHLQ(U8(2), ld)
	MOVQ(ld, below) // the rows of the next block
	SHLQ(U8(4), below)
	rows := make([]reg.VecVirtual, 16)
	for i := range rows {
		rows[i] = ZMM()
	}
	Label("loop")
	MOVQ(x, from)
	for i, r := range rows {
		for half, narrow := range []reg.VecVirtual{low, r} {
			load(Mem{Base: from, Disp: 64 * half}, v)
			VPSRLD(U8(16), v, v)
			VPMOVDW(v, narrow.AsY())
			PREFETCHT1(Mem{Base: from, Index: below, Scale: 1, Disp: 64 * half})
		}
		VSHUFI64X2(U8(0x44), r, low.AsZ(), r)
		if i < 15 {
			ADDQ(ld, from)
		}
	}
	columns := append([]reg.VecVirtual{}, rows...)
	transpose(columns, v)
	for i, c := range columns {
		VMOVDQU32(c, Mem{Base: dst, Disp: 64 * i})
	}
	ADDQ(U32(128), x)
	ADDQ(U32(1024), dst)
	DECQ(steps)
	JNZ(LabelRef("loop"))
	finish()
}

// bf16Row packs a row of the first operand, 32 values a step.
func bf16Row() {
	TEXT("bf16Row512", NOSPLIT, "func(steps int, dst *byte, dstStep int, x *float32, factor float32)")
	Doc("bf16Row512 writes 32 values of x times factor in bfloat16 to dst, the next 32 dstStep bytes later, and so on.")
	steps, dst, step, x := param("steps"), param("dst"), param("dstStep"), param("x")
	round, factor, v := rounding(), zmm.splat("factor"), ZMM()
	Label("loop")
	for i := range 2 {
		PREFETCHT0(Mem{Base: x, Disp: pageAhead + 64*i})
		VMULPS(Mem{Base: x, Disp: 64 * i}, factor, v)
		round(v)
		VPSRLD(U8(16), v, v)
		VPMOVDW(v, Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(U32(128), x)
	ADDQ(step, dst)
	DECQ(steps)
	JNZ(LabelRef("loop"))
	finish()
}

// bf16Columns packs a tile of the first operand out of its transpose.
func bf16Columns() {
	TEXT("bf16Columns512", NOSPLIT, "func(dst *byte, x *float32, ld int)")
	Doc("bf16Columns512 writes dst[j][p] = x[p*ld+j] in bfloat16 for 16 columns j and 32 rows p.")
	dst, x, ld := param("dst"), param("x"), param("ld")
	pair, high, ahead := pairing(roundedFloats()), ZMM(), GP64()
	SHLQ(U8(2), ld)
	MOVQ(ld, ahead)
	SHLQ(U8(5), ahead)
	ADDQ(x, ahead)
	rows := make([]reg.VecVirtual, 16)
	for i := range rows {
		rows[i] = ZMM()
		PREFETCHT0(Mem{Base: ahead})
		PREFETCHT0(Mem{Base: ahead, Index: ld, Scale: 1})
		LEAQ(Mem{Base: ahead, Index: ld, Scale: 2}, ahead)
		pair(rows[i], high, Mem{Base: x}, Mem{Base: x, Index: ld, Scale: 1})
		LEAQ(Mem{Base: x, Index: ld, Scale: 2}, x.(reg.GPVirtual))
	}
	transpose(rows, high)
	for i, r := range rows {
		VMOVDQU32(r, Mem{Base: dst, Disp: 64 * i})
	}
	finish()
}

// bf16Transpose packs a step of a panel of the first operand out of one of its transpose.
func bf16Transpose() {
	TEXT("bf16Transpose512", NOSPLIT, "func(dst, x *byte)")
	Doc("bf16Transpose512 writes dst[j][i] = x[i][j] for 32 rows of 32 words of 16 bits.")
	dst, x := param("dst"), param("x")
	// A register holds the words of two rows in four columns of each eight: of the first four, or the others.
	for half, unpack := range []func(ops ...Op){VPUNPCKLWD, VPUNPCKHWD} {
		rows, spare := make([]reg.VecVirtual, 16), ZMM()
		for i := range rows {
			rows[i] = ZMM()
			VMOVDQU32(Mem{Base: x, Disp: 128 * i}, rows[i])
			unpack(Mem{Base: x, Disp: 128*i + 64}, rows[i], rows[i])
		}
		transpose(rows, spare)
		for i, r := range rows {
			VMOVDQU32(r, Mem{Base: dst, Disp: 64 * (i/4*8 + 4*half + i%4)})
		}
	}
	finish()
}

// mixRows replaces rows a and b by two mixtures of them; spare changes places with one of them.
func mixRows(rows []reg.VecVirtual, spare *reg.VecVirtual, a, b int, low, high func(x, y, dst reg.VecVirtual)) {
	high(rows[a], rows[b], *spare)
	low(rows[a], rows[b], rows[a])
	rows[b], *spare = *spare, rows[b]
}

// transposeWords turns each four rows of four words of 128 bits into columns.
func transposeWords(rows []reg.VecVirtual, spare *reg.VecVirtual) {
	words := [2]func(x, y, dst reg.VecVirtual){
		func(x, y, dst reg.VecVirtual) { VPUNPCKLDQ(y, x, dst) }, func(x, y, dst reg.VecVirtual) { VPUNPCKHDQ(y, x, dst) },
	}
	doubles := [2]func(x, y, dst reg.VecVirtual){
		func(x, y, dst reg.VecVirtual) { VPUNPCKLQDQ(y, x, dst) }, func(x, y, dst reg.VecVirtual) { VPUNPCKHQDQ(y, x, dst) },
	}
	for i := 0; i < len(rows); i += 2 {
		mixRows(rows, spare, i, i+1, words[0], words[1])
	}
	for i := 0; i < len(rows); i += 4 { // row i+j then holds column j of each 128 bits of all four
		mixRows(rows, spare, i, i+2, doubles[0], doubles[1])
		mixRows(rows, spare, i+1, i+3, doubles[0], doubles[1])
		rows[i+1], rows[i+2] = rows[i+2], rows[i+1]
	}
}

// transpose turns 16 rows of 16 words into columns; spare is a register more.
func transpose(rows []reg.VecVirtual, spare reg.VecVirtual) {
	lanes := [2]func(x, y, dst reg.VecVirtual){
		func(x, y, dst reg.VecVirtual) { VSHUFI32X4(U8(0x88), y, x, dst) },
		func(x, y, dst reg.VecVirtual) { VSHUFI32X4(U8(0xdd), y, x, dst) },
	}
	transposeWords(rows, &spare)
	for j := range 4 { // column 4l+j is lane l of rows j, 4+j, 8+j and 12+j
		for _, pair := range [][2]int{{j, 4 + j}, {8 + j, 12 + j}, {j, 8 + j}, {4 + j, 12 + j}} {
			mixRows(rows, &spare, pair[0], pair[1], lanes[0], lanes[1])
		}
	}
}
