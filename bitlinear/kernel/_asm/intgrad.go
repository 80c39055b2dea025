package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func intgrad512() {
	zmm.grads()
	gradColumns512()
	gradQuads512()
	(&gradTile{registers: zmm, dotGrad: gradVNNI, name: "tiles512", rows: 8}).write()
}

func intgrad256() {
	ymm.grads()
	gradColumns256()
	gradQuads256()
	(&gradTile{registers: ymm, dotGrad: gradVNNI, name: "tilesAVXVNNI", rows: 4}).write()
	(&gradTile{registers: ymm, dotGrad: gradPairs, name: "codeTilesAVX2", rows: 4}).write()
	(&gradTile{registers: ymm, dotGrad: gradWords, name: "activationTilesAVX2", rows: 4}).write()
}

// grads writes the functions that both widths of registers have.
func (r registers) grads() {
	r.gradMaxima()
	r.gradRows()
	const signature = "func(rows int, dst *float32, width int, sums *int32, factor *float32)"
	for _, s := range []sumStore{
		{name: "store", like: "store"}, {name: "add", like: "add", add: true}, {name: "stream", like: "store", past: true},
	} {
		s.signature, s.load = signature, func(from Mem, f, v reg.VecVirtual) {
			VCVTDQ2PS(from, v)
			VMULPS(f, v, v)
		}
		r.sumStore(s)
	}
}

// gradMaxima compares floats without a sign as integers.
func (r registers) gradMaxima() {
	TEXT("maxima"+r.suffix, NOSPLIT, "func(n int, x *float32, inverse float32, columns *uint32) uint32")
	Doc("maxima" + r.suffix + " is maximaGeneric; n is a multiple of 16.")
	n, x, columns, inverse := param("n"), param("x"), param("columns"), r.splat("inverse")
	abs, v, top := r.word("absBits", 0x7fffffff), r.one(), r.zeros()
	r.loop(n, func(at slot) {
		if at.part == 0 {
			PREFETCHT0(at.floats(x).Offset(pageAhead))
		}
		VANDPS(at.floats(x), abs, v)
		VPMAXUD(v, top[at.part], top[at.part])
		VMULPS(inverse, v, v)
		VPMAXUD(at.floats(columns), v, v)
		VMOVUPS(v, at.floats(columns))
	})
	out := GP32()
	VMOVD(r.fold(top, VPMAXUD), out)
	Store(out, ReturnIndex(0))
	finish()
}

// stochastic rounds four lines of 16 values, which share the hashes of 16 numbers.
type stochastic struct {
	registers
	lines                     [4]reg.VecVirtual
	number                    []reg.VecVirtual // of 16 lanes
	key, hash, next, low, out reg.VecVirtual
}

func (r registers) stochastic() *stochastic {
	s := &stochastic{registers: r, lines: [4]reg.VecVirtual{r.one(), r.one(), r.one(), r.one()}, key: r.splat("key"),
		hash: r.one(), next: r.word("int16", 16), low: r.word("evenBytes", 0x00ff00ff)}
	lanes := words("laneNumbers", func(i int) uint32 { return uint32(i) })
	for part := range r.parts {
		number := r.splat("number")
		VPADDD(lanes.Offset(64/r.parts*part), number, number)
		s.number = append(s.number, number)
	}
	s.out = s.lines[0]
	return s
}

// round leaves the int8 of a part of the lines, of the values that load writes, in out: in each 128 bits four of each
// line.
func (s *stochastic) round(part int, load func(line int, v reg.VecVirtual)) {
	l, number := s.lines, s.number[part]
	for i, v := range l {
		load(i, v)
		VCVTPS2DQ(v, v)
	}
	VPACKSSDW(l[1], l[0], l[0])
	VPACKSSDW(l[3], l[2], l[2])
	spare := l[1]
	VXORPS(s.key, number, s.hash)
	s.mix(s.hash, spare)
	VPADDD(s.next, number, number)
	VANDPS(s.low, s.hash, spare)
	VPSRLW(U8(8), s.hash, s.hash)
	VPADDW(spare, l[0], l[0])
	VPADDW(s.hash, l[2], l[2])
	VPSRAW(U8(8), l[0], l[0])
	VPSRAW(U8(8), l[2], l[2])
	VPACKSSWB(l[2], l[0], s.out)
}

func (r registers) gradRows() {
	TEXT("rows"+r.suffix, NOSPLIT, "func(steps int, dst *int8, distance int, x *float32, factor float32, number, key, bias uint32)")
	Doc("rows" + r.suffix + " is rowsGeneric.")
	steps, dst, distance, x := param("steps"), param("dst"), param("distance"), param("x")
	s, factor, bias, out := r.stochastic(), r.splat("factor"), r.splat("bias"), r.rows()
	order := r.lineOrder()
	Label("loop")
	for part, v := range out {
		s.round(part, func(line int, v reg.VecVirtual) {
			VMULPS(Mem{Base: x, Disp: 64*line + 64/r.parts*part}, factor, v)
		})
		VPADDB(bias, s.out, s.out)
		VPERMD(s.out, order, v)
	}
	r.storeLines(out, s.out, dst)
	ADDQ(U32(256), x)
	ADDQ(distance, dst)
	DECQ(steps)
	JNZ(LabelRef("loop"))
	finish()
}

// lineOrder is of the words of a register, whose 128 bits have one of each line, by lines.
func (r registers) lineOrder() reg.VecVirtual {
	order, lanes := r.one(), 4/r.parts
	VMOVUPS(words("lineOrder", func(i int) uint32 { return uint32(4*(i%lanes) + i/lanes) }), order)
	return order
}

// storeLines writes four lines, of which each register has a part one behind the other.
func (r registers) storeLines(parts []reg.VecVirtual, spare reg.VecVirtual, dst reg.Register) {
	if r.parts == 1 {
		VMOVUPS(parts[0], Mem{Base: dst})
		return
	}
	for i, unpack := range []func(...Op){VPUNPCKLQDQ, VPUNPCKHQDQ} { // lines 0 and 2, 1 and 3
		unpack(parts[1], parts[0], spare)
		storeHalves(spare, Mem{Base: dst, Disp: 16 * i}, Mem{Base: dst, Disp: 16*i + 32})
	}
}

func storeHalves(v reg.VecVirtual, low, high Mem) {
	VMOVUPS(v.AsX(), low)
	VEXTRACTI128(U8(1), v, high)
}

// columnsSignature is of functions that make words of four rows of each column, and transpose them.
const columnsSignature = "func(dst *int8, x *float32, ld int, inverse, factor *float32, number, key, bias uint32)"

func byteTranspose() Mem {
	return words("byteTranspose", func(lane int) uint32 { return 0x0c080400 + 0x01010101*uint32(lane%4) })
}

// gradColumns512 transposes 16 words by 16 columns.
func gradColumns512() {
	TEXT("columns512", NOSPLIT, columnsSignature)
	Doc("columns512 is columnsGeneric.")
	dst, x, ld, inverse := param("dst"), param("x"), param("ld"), param("inverse")
	s, bias, order, factor := zmm.stochastic(), zmm.splat("bias"), ZMM(), ZMM()
	VMOVUPS(Mem{Base: param("factor")}, factor)
	VMOVUPS(byteTranspose(), order)
	four := fourLines(x, ld)
	rows := make([]reg.VecVirtual, 16)
	for i := range rows {
		rows[i] = ZMM()
		s.round(0, func(line int, v reg.VecVirtual) {
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
		VMOVUPS(r, Mem{Base: dst, Disp: 64 * i})
	}
	finish()
}

// gradColumns256 transposes four words by eight columns, a quarter of the rows at a time.
func gradColumns256() {
	TEXT("columns256", NOSPLIT, columnsSignature)
	Doc("columns256 is columnsGeneric.")
	dst, x, ld, inverse, factor := param("dst"), param("x"), param("ld"), param("inverse"), param("factor")
	s, rows, four, back, left := ymm.stochastic(), make([]reg.VecVirtual, 4), fourLines(x, ld), GP64(), GP64()
	MOVQ(ld, back)
	SHLQ(U8(4), back)
	MOVQ(U32(4), left)
	Label("loop")
	for part := range 2 {
		for i := range rows {
			rows[i] = YMM()
			s.round(part, func(line int, v reg.VecVirtual) {
				if part == 0 {
					PREFETCHT0(four(line).Offset(columnsAhead))
				}
				VBROADCASTSS(Mem{Base: inverse, Disp: 4 * (4*i + line)}, v)
				VMULPS(four(line).Offset(32*part), v, v)
				VMULPS(Mem{Base: factor, Disp: 32 * part}, v, v)
			})
			VPSHUFB(byteTranspose(), s.out, rows[i])
			LEAQ(Mem{Base: x, Index: ld, Scale: 4}, x.(reg.GPVirtual))
		}
		storeColumns(rows, s.hash, dst, 8*part)
		if part == 0 {
			SUBQ(back, x)
		}
	}
	ADDQ(Imm(64), inverse)
	ADDQ(Imm(16), dst)
	DECQ(left)
	JNZ(LabelRef("loop"))
	finish()
}

// storeColumns writes four words of each of eight columns, biased.
func storeColumns(rows []reg.VecVirtual, spare reg.VecVirtual, dst reg.Register, first int) {
	transposeWords(rows, &spare)
	bias := ymm.splat("bias")
	for i, r := range rows {
		VPADDB(bias, r, r)
		storeHalves(r, Mem{Base: dst, Disp: 64 * (first + i)}, Mem{Base: dst, Disp: 64 * (first + i + 4)})
	}
}

// gradQuads512 interleaves four rows of 64 columns.
func gradQuads512() {
	gradQuads(zmm, func(from, to func(i int) Mem, a, t []reg.VecVirtual) {
		for i, v := range a {
			PREFETCHT0(from(i).Offset(columnsAhead / 4))
			VMOVUPS(from(i), v)
		}
		joinRows(a, t)
		for i, lanes := range []uint8{0x44, 0xee} {
			VSHUFI32X4(U8(lanes), a[1], a[0], t[2*i])
			VSHUFI32X4(U8(lanes), a[3], a[2], t[2*i+1])
		}
		for i, v := range a {
			VSHUFI32X4(U8([]uint8{0x88, 0xdd}[i%2]), t[i/2*2+1], t[i/2*2], v)
			VMOVUPS(v, to(i))
		}
	})
}

// gradQuads256 interleaves four rows of 32 columns twice.
func gradQuads256() {
	gradQuads(ymm, func(from, to func(i int) Mem, a, t []reg.VecVirtual) {
		for half := range 2 {
			for i, v := range a {
				if half == 0 {
					PREFETCHT0(from(i).Offset(columnsAhead / 4))
				}
				VMOVUPS(from(i).Offset(32*half), v)
			}
			joinRows(a, t)
			for i, lanes := range []uint8{0x20, 0x31} {
				for j := range 2 {
					VPERM2I128(U8(lanes), a[2*j+1], a[2*j], t[0])
					VMOVUPS(t[0], to(2*half+i).Offset(32*j))
				}
			}
		}
	})
}

func gradQuads(r registers, body func(from, to func(i int) Mem, a, t []reg.VecVirtual)) {
	TEXT("quads"+r.suffix, NOSPLIT, "func(n int, dst *byte, distance int, x *int8, ld int)")
	Doc("quads" + r.suffix + " is quadsGeneric.")
	n, dst, distance, x, ld := param("n"), param("dst"), param("distance"), param("x"), param("ld")
	from, to := fourApart(x, ld), fourApart(dst, distance)
	a, t := []reg.VecVirtual{r.one(), r.one(), r.one(), r.one()}, []reg.VecVirtual{r.one(), r.one(), r.one(), r.one()}
	Label("loop")
	body(from, to, a, t)
	LEAQ(Mem{Base: x, Index: ld, Scale: 4}, x.(reg.GPVirtual))
	ADDQ(Imm(64), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	finish()
}

// joinRows puts the bytes of four registers together, four columns of each 16 in a register.
func joinRows(a, t []reg.VecVirtual) {
	for i := 0; i < 4; i += 2 { // bytes of two rows: columns 0 to 7 of each 16, and the others
		VPUNPCKLBW(a[i+1], a[i], t[i])
		VPUNPCKHBW(a[i+1], a[i], t[i+1])
	}
	for i := range 2 { // words of all rows
		VPUNPCKLWD(t[2+i], t[i], a[2*i])
		VPUNPCKHWD(t[2+i], t[i], a[2*i+1])
	}
}
