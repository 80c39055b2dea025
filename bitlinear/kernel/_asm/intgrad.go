package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func intgrad512() {
	gradMaxima()
	gradRows()
	gradColumns()
	gradQuads()
	gradTiles()
	const signature = "func(rows int, dst *float32, width int, sums *int32, factor *float32)"
	for _, s := range []sumStore{
		{name: "store", like: "store"}, {name: "add", like: "add", add: true}, {name: "stream", like: "store", past: true},
	} {
		s.signature, s.load = signature, func(from Mem, f, v reg.VecVirtual) {
			VCVTDQ2PS(from, v)
			VMULPS(f, v, v)
		}
		zmm.sumStore(s)
	}
}

// gradMaxima compares floats without a sign as integers.
func gradMaxima() {
	TEXT("maxima512", NOSPLIT, "func(n int, x *float32, inverse float32, columns *uint32) uint32")
	Doc("maxima512 is maximaGeneric; n is a multiple of 16.")
	n, x, columns, inverse := param("n"), param("x"), param("columns"), zmm.splat("inverse")
	abs, v, top := zmm.word("absBits", 0x7fffffff), ZMM(), zmm.zeros()[0]
	zmm.loop(n, func(at slot) {
		PREFETCHT0(at.floats(x).Offset(pageAhead))
		VANDPS(at.floats(x), abs, v)
		VPMAXUD(v, top, top)
		VMULPS(inverse, v, v)
		VPMAXUD(at.floats(columns), v, v)
		VMOVDQU32(v, at.floats(columns))
	})
	out := GP32()
	VMOVD(zmm.fold([]reg.VecVirtual{top}, VPMAXUD), out)
	Store(out, ReturnIndex(0))
	finish()
}

// stochastic rounds four lines of 16 values, which share the hashes of 16 numbers.
type stochastic struct {
	lines                             [4]reg.VecVirtual
	key, number, hash, next, low, out reg.VecVirtual
}

func newStochastic() *stochastic {
	s := &stochastic{lines: [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, key: zmm.splat("key"), number: zmm.splat("number"),
		hash: ZMM(), next: zmm.word("int16", 16), low: zmm.word("evenBytes", 0x00ff00ff)}
	VPADDD(words("laneNumbers", func(i int) uint32 { return uint32(i) }), s.number, s.number)
	s.out = s.lines[0]
	return s
}

// round leaves the int8 of lines, of the values that load writes, in out: in each 128 bits four of each line.
func (s *stochastic) round(load func(line int, v reg.VecVirtual)) {
	l := s.lines
	for i, v := range l {
		load(i, v)
		VCVTPS2DQ(v, v)
	}
	VPACKSSDW(l[1], l[0], l[0])
	VPACKSSDW(l[3], l[2], l[2])
	spare := l[1]
	VXORPS(s.key, s.number, s.hash)
	zmm.mix(s.hash, spare)
	VPADDD(s.next, s.number, s.number)
	VPANDD(s.low, s.hash, spare)
	VPSRLW(U8(8), s.hash, s.hash)
	VPADDW(spare, l[0], l[0])
	VPADDW(s.hash, l[2], l[2])
	VPSRAW(U8(8), l[0], l[0])
	VPSRAW(U8(8), l[2], l[2])
	VPACKSSWB(l[2], l[0], s.out)
}

func gradRows() {
	TEXT("rows512", NOSPLIT, "func(steps int, dst *int8, distance int, x *float32, factor float32, number, key, bias uint32)")
	Doc("rows512 is rowsGeneric.")
	steps, dst, distance, x := param("steps"), param("dst"), param("distance"), param("x")
	s, factor, bias, order := newStochastic(), zmm.splat("factor"), zmm.splat("bias"), ZMM()
	VMOVDQU32(words("lineOrder", func(i int) uint32 { return uint32(4*(i%4) + i/4) }), order)
	Label("loop")
	s.round(func(line int, v reg.VecVirtual) { VMULPS(Mem{Base: x, Disp: 64 * line}, factor, v) })
	VPADDB(bias, s.out, s.out)
	VPERMD(s.out, order, s.out)
	VMOVDQU32(s.out, Mem{Base: dst})
	ADDQ(U32(256), x)
	ADDQ(distance, dst)
	DECQ(steps)
	JNZ(LabelRef("loop"))
	finish()
}

// gradColumns makes words of four rows of each column, and transposes 16 of them by 16 columns.
func gradColumns() {
	TEXT("columns512", NOSPLIT, "func(dst *int8, x *float32, ld int, inverse, factor *float32, number, key, bias uint32)")
	Doc("columns512 is columnsGeneric.")
	dst, x, ld, inverse := param("dst"), param("x"), param("ld"), param("inverse")
	s, bias, order, factor := newStochastic(), zmm.splat("bias"), ZMM(), ZMM()
	VMOVUPS(Mem{Base: param("factor")}, factor)
	VMOVDQU32(words("byteTranspose", func(lane int) uint32 { return 0x0c080400 + 0x01010101*uint32(lane%4) }), order)
	four := fourLines(x, ld)
	rows := make([]reg.VecVirtual, 16)
	for i := range rows {
		rows[i] = ZMM()
		s.round(func(line int, v reg.VecVirtual) {
			PREFETCHT0(four(line).Offset(columnsAhead))
			VMOVUPS(four(line), v)
			VMULPS_BCST(Mem{Base: inverse, Disp: 4 * (4*i + line)}, v, v)
			VMULPS(factor, v, v)
		})
		VPADDB(bias, s.out, s.out)
		VPSHUFB(order, s.out, rows[i])
		if i < 15 {
			LEAQ(Mem{Base: x, Index: ld, Scale: 4}, x.(reg.GPVirtual))
		}
	}
	transpose(rows, s.hash)
	for i, r := range rows {
		VMOVDQU32(r, Mem{Base: dst, Disp: 64 * i})
	}
	finish()
}

// gradQuads interleaves four rows of 64 columns.
func gradQuads() {
	TEXT("quads512", NOSPLIT, "func(n int, dst *byte, distance int, x *int8, ld int)")
	Doc("quads512 is quadsGeneric.")
	n, dst, distance, x, ld := param("n"), param("dst"), param("distance"), param("x"), param("ld")
	three, third := GP64(), GP64()
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, three)
	LEAQ(Mem{Base: distance, Index: distance, Scale: 2}, third)
	a, t := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	Label("loop")
	for i, from := range []Mem{{Base: x}, {Base: x, Index: ld, Scale: 1}, {Base: x, Index: ld, Scale: 2},
		{Base: x, Index: three, Scale: 1}} {
		PREFETCHT0(from.Offset(columnsAhead / 4))
		VMOVDQU32(from, a[i])
	}
	for i := 0; i < 4; i += 2 { // bytes of two rows: columns 0 to 7 of each 16, and the others
		VPUNPCKLBW(a[i+1], a[i], t[i])
		VPUNPCKHBW(a[i+1], a[i], t[i+1])
	}
	for i := range 2 { // words of all rows
		VPUNPCKLWD(t[2+i], t[i], a[2*i])
		VPUNPCKHWD(t[2+i], t[i], a[2*i+1])
	}
	for i, lanes := range []uint8{0x44, 0xee} {
		VSHUFI32X4(U8(lanes), a[1], a[0], t[2*i])
		VSHUFI32X4(U8(lanes), a[3], a[2], t[2*i+1])
	}
	for i, to := range []Mem{{Base: dst}, {Base: dst, Index: distance, Scale: 1}, {Base: dst, Index: distance, Scale: 2},
		{Base: dst, Index: third, Scale: 1}} {
		VSHUFI32X4(U8([]uint8{0x88, 0xdd}[i%2]), t[i/2*2+1], t[i/2*2], a[i])
		VMOVDQU32(a[i], to)
	}
	LEAQ(Mem{Base: x, Index: ld, Scale: 4}, x.(reg.GPVirtual))
	ADDQ(Imm(64), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	finish()
}

// gradTiles is amxTiles on vectors: eight rows by two blocks are 16 sums, as in tilesBF16. VPDPBUSD wants one operand
// without a sign, so rows are of bytes that are 128 too large; what that adds, 128 times the sums of the blocks, is
// taken off where the sums begin.
func gradTiles() {
	const rows, quads, line, panelRows = 8, 4, 64, 32
	TEXT("tiles512", NOSPLIT,
		"func(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte)")
	Doc("tiles512 is tilesGeneric of bytes x that are 128 too large.")
	panels, x, dst, more := param("panels"), param("x"), param("dst"), param("more")
	first, second, in, quarter, step, part := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	w, four := [2]reg.VecVirtual{ZMM(), ZMM()}, ZMM()
	blocks := func() {
		Load(Param("w"), first)
		Load(Param("blockBytes"), second)
		ADDQ(first, second)
	}
	loadLine := func(at int) {
		VMOVDQU32(Mem{Base: first, Disp: at}, w[0])
		VMOVDQU32(Mem{Base: second, Disp: at}, w[1])
	}
	advance := func(n int) {
		ADDQ(U32(n), first)
		ADDQ(U32(n), second)
	}
	bias, off := zmm.word("byteBias", 0x80808080), append(zmm.zeros(), zmm.zeros()...)
	blocks()
	Load(Param("steps"), step)
	SHLQ(U8(4), step) // lines
	Label("sum")
	loadLine(0)
	for b, sum := range off {
		VPDPBUSD(w[b], bias, sum)
	}
	advance(line)
	DECQ(step)
	JNZ(LabelRef("sum"))
	var sums [rows][2]reg.VecVirtual
	each := func(do func(sum, off reg.VecVirtual, at Mem)) {
		for r := range sums {
			for b := range sums[r] {
				if sums[r][b] == nil {
					sums[r][b] = ZMM()
				}
				do(sums[r][b], off[b], Mem{Base: dst, Disp: 128*r + 64*b})
			}
		}
	}
	Label("panel")
	MOVQ(U64(panelRows/rows), quarter)
	Label("rows")
	blocks()
	MOVQ(x, in)
	each(func(sum, _ reg.VecVirtual, _ Mem) { VPXORD(sum, sum, sum) })
	TESTQ(more, more)
	JZ(LabelRef("begin"))
	each(func(sum, _ reg.VecVirtual, at Mem) { VMOVDQU32(at, sum) })
	Label("begin")
	each(func(sum, off reg.VecVirtual, _ Mem) { VPSUBD(off, sum, sum) })
	Load(Param("steps"), step)
	Label("step")
	MOVQ(U64(16/quads), part)
	Label("quads")
	for q := range quads {
		loadLine(line * q)
		for r := range sums {
			VPBROADCASTD(Mem{Base: in, Disp: line*r + 4*q}, four)
			for b, sum := range sums[r] {
				VPDPBUSD(w[b], four, sum)
			}
		}
	}
	ADDQ(U32(4*quads), in)
	advance(line * quads)
	DECQ(part)
	JNZ(LabelRef("quads"))
	ADDQ(U32(line*panelRows-line), in)
	DECQ(step)
	JNZ(LabelRef("step"))
	each(func(sum, _ reg.VecVirtual, at Mem) { VMOVDQU32(sum, at) })
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
