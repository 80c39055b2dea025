package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// registers hold 16 lanes: one ZMM register, or two YMM registers. Sums are made in the
// same order in both, so they have the same bits.
type registers struct {
	suffix string // of the functions' names
	parts  int
	one    func() reg.VecVirtual
}

var (
	zmm = registers{"512", 1, ZMM}
	ymm = registers{"256", 2, YMM}
)

// slot is the position of one register's elements in an array.
type slot struct {
	i     reg.Register
	part  int
	lanes int
}

func (s slot) memory(base reg.Register, size int) Mem {
	return Mem{Base: base, Index: s.i, Scale: uint8(size), Disp: size * s.lanes * s.part}
}

func (s slot) floats(base reg.Register) Mem { return s.memory(base, 4) }

// blocks runs body on blocks of size elements; n is a multiple of size and not 0.
func blocks(size int, n reg.Register, body func(i reg.GPVirtual)) {
	i := GP64()
	XORQ(i, i)
	Label("loop")
	body(i)
	ADDQ(Imm(uint64(size)), i)
	CMPQ(i, n)
	JL(LabelRef("loop"))
}

// loop runs body on each register of blocks of 16 elements.
func (r registers) loop(n reg.Register, body func(at slot)) {
	blocks(16, n, func(i reg.GPVirtual) {
		for part := range r.parts {
			body(slot{i, part, 16 / r.parts})
		}
	})
}

// inTurn is loop with two accumulators of 16 lanes, one for every other block, since an operation on one waits
// for the last. The first parts of accumulators are one, the others the other; they change places in each block.
func (r registers) inTurn(n reg.Register, accumulators []reg.VecVirtual, body func(at slot, to reg.VecVirtual)) {
	spare := r.one()
	r.loop(n, func(at slot) {
		now, next := accumulators[at.part], accumulators[r.parts+at.part]
		body(at, now)
		VMOVAPS(now, spare)
		VMOVAPS(next, now)
		VMOVAPS(spare, next)
	})
}

// meet joins the accumulators of inTurn to 16 lanes.
func (r registers) meet(accumulators []reg.VecVirtual, op func(...Op)) []reg.VecVirtual {
	for part := range r.parts {
		op(accumulators[r.parts+part], accumulators[part], accumulators[part])
	}
	return accumulators[:r.parts]
}

func param(name string) reg.Register { return Load(Param(name), GP64()) }

func floats(base reg.Register, i reg.Register) Mem { return Mem{Base: base, Index: i, Scale: 4} }

// splat broadcasts a parameter from memory: MOVSS, which avo's Load takes, is slow after
// wide registers were written.
func (r registers) splat(name string) reg.VecVirtual {
	from, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := r.one()
	VBROADCASTSS(from.Addr, v)
	return v
}

// word broadcasts a constant.
func (r registers) word(name string, bits uint32) reg.VecVirtual {
	v := r.one()
	VPBROADCASTD(constant(name, bits), v)
	return v
}

var constants = map[string]Mem{}

// constant is broadcast for a constant of several functions.
func constant(name string, bits uint32) Mem {
	if _, ok := constants[name]; !ok {
		constants[name] = broadcast(name, bits)
	}
	return constants[name]
}

// zeros are 16 lanes.
func (r registers) zeros() []reg.VecVirtual {
	var all []reg.VecVirtual
	for range r.parts {
		v := r.one()
		VXORPS(v, v, v)
		all = append(all, v)
	}
	return all
}

func finish() {
	VZEROUPPER()
	RET()
}

// fold reduces 16 lanes with op to the first of the register that it returns.
func (r registers) fold(lanes []reg.VecVirtual, op func(...Op)) reg.Register {
	v, other := lanes[0], r.one()
	if r.parts == 2 {
		op(lanes[1], v, v)
		VPERM2F128(U8(1), v, v, other)
		op(other, v, v)
	} else {
		for _, shuffle := range []uint8{0x4e, 0xb1} {
			VSHUFF32X4(U8(shuffle), v, v, other)
			op(other, v, v)
		}
	}
	for _, shuffle := range []uint8{0x4e, 0xb1} {
		VPERMILPS(U8(shuffle), v, other)
		op(other, v, v)
	}
	return v.AsX()
}

func (r registers) absMax() {
	TEXT("absMax"+r.suffix, NOSPLIT, "func(n int, x *float32) float32")
	Doc("absMax" + r.suffix + " is the largest |x[i]|.")
	n, x := param("n"), param("x")
	mask, v, top := r.word("absMask", 0x7fffffff), r.one(), append(r.zeros(), r.zeros()...)
	r.inTurn(n, top, func(at slot, top reg.VecVirtual) {
		VANDPS(at.floats(x), mask, v)
		VMAXPS(v, top, top)
	})
	top = r.meet(top, VMAXPS)
	Store(r.fold(top, VMAXPS), ReturnIndex(0))
	finish()
}

func (r registers) quantize() {
	TEXT("quantize"+r.suffix, NOSPLIT, "func(n int, dst *int8, x *float32, scale float32) int32")
	Doc("quantize" + r.suffix + " writes dst[i] = x[i]*scale, rounded half to even and clamped to int8, " +
		"and returns the sum of dst.")
	n, dst, x, scale := param("n"), param("dst"), param("x"), r.splat("scale")
	low, high, v, sum := r.word("int8Low", 0xffffff80), r.word("int8High", 127), r.one(), r.zeros()
	r.loop(n, func(at slot) {
		VMULPS(at.floats(x), scale, v)
		VCVTPS2DQ(v, v)
		VPMAXSD(low, v, v)
		VPMINSD(high, v, v)
		VPADDD(v, sum[at.part], sum[at.part])
		r.storeBytes(v, at.memory(dst, 1))
	})
	r.storeSum(sum)
}

// storeBytes narrows lanes within the range of int8.
func (r registers) storeBytes(v reg.VecVirtual, to Mem) {
	if r.parts == 1 {
		VPMOVDB(v, to)
		return
	}
	high, low := XMM(), v.AsX()
	VEXTRACTI128(U8(1), v, high)
	VPACKSSDW(high, low, low)
	VPACKSSWB(low, low, low)
	VMOVQ(low, to)
}

// storeSum ends a function that returns the sum of 16 lanes of int32.
func (r registers) storeSum(sum []reg.VecVirtual) {
	out := GP32()
	VMOVD(r.fold(sum, VPADDD), out)
	Store(out, ReturnIndex(0))
	finish()
}

func (r registers) rescale() {
	TEXT("rescale"+r.suffix, NOSPLIT, "func(n int, dst *float32, x *int32, f float32)")
	Doc("rescale" + r.suffix + " writes dst[i] = float32(x[i])*f.")
	n, dst, x, f, v := param("n"), param("dst"), param("x"), r.splat("f"), r.one()
	r.loop(n, func(at slot) {
		VCVTDQ2PS(at.memory(x, 4), v)
		VMULPS(v, f, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func (r registers) scale() {
	TEXT("scale"+r.suffix, NOSPLIT, "func(n int, dst, x *float32, f float32)")
	Doc("scale" + r.suffix + " writes dst[i] = x[i]*f.")
	n, dst, x, f, v := param("n"), param("dst"), param("x"), r.splat("f"), r.one()
	r.loop(n, func(at slot) {
		VMULPS(at.floats(x), f, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func (r registers) ternarize() {
	TEXT("ternarize"+r.suffix, NOSPLIT, "func(n int, dst, w *float32, inverse float32)")
	Doc("ternarize" + r.suffix + " writes dst[i] = max(-1, min(1, w[i]*inverse)) rounded half to even.")
	n, dst, w, v := param("n"), param("dst"), param("w"), r.one()
	ternary := r.ternary(r.splat("inverse"))
	r.loop(n, func(at slot) {
		ternary(at.floats(w), v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

// ternary returns the code that makes ternary values under an inverse scale, as float32.
func (r registers) ternary(inverse reg.VecVirtual) func(w Mem, v reg.VecVirtual) {
	one, minusOne := r.word("float1", 0x3f800000), r.word("floatMinus1", 0xbf800000)
	magic := r.word("roundingMagic", math.Float32bits(3<<22)) // leaves no bits for a fraction
	return func(w Mem, v reg.VecVirtual) {
		VMULPS(w, inverse, v)
		VMINPS(one, v, v)
		VMAXPS(minusOne, v, v)
		VADDPS(magic, v, v)
		VSUBPS(magic, v, v)
	}
}

func (r registers) ternaryCodes() {
	TEXT("ternaryCodes"+r.suffix, NOSPLIT, "func(n int, dst *uint32, w *float32, inverse float32)")
	Doc("ternaryCodes" + r.suffix + " writes the ternary value of w[i] plus one to byte i of dst.")
	n, dst, w := param("n"), param("dst"), param("w")
	one, v := r.word("int1", 1), r.one()
	round := r.ternary(r.splat("inverse"))
	r.loop(n, func(at slot) {
		round(at.floats(w), v)
		VCVTPS2DQ(v, v)
		VPADDD(one, v, v)
		r.storeBytes(v, at.memory(dst, 1))
	})
	finish()
}

// rescaleSums rescales a number of rows of each token.
func (r registers) rescaleSums(rows int) {
	name := fmt.Sprintf("rescaleSums%sx%d", r.suffix, rows)
	TEXT(name, NOSPLIT, "func(tokens int, dst *float32, width int, x *int32, factor *float32)")
	Doc(fmt.Sprintf("%s writes dst[t*width+i] = float32(x[t*%d+i])*factor[t] for i below %d.", name, rows, rows))
	tokens, dst, width, x, factor := param("tokens"), param("dst"), param("width"), param("x"), param("factor")
	f, v, bytes := r.one(), r.one(), 64/r.parts
	Label("loop")
	VBROADCASTSS(Mem{Base: factor}, f)
	for at := 0; at < 4*rows; at += bytes {
		VCVTDQ2PS(Mem{Base: x, Disp: at}, v)
		VMULPS(f, v, v)
		VMOVUPS(v, Mem{Base: dst, Disp: at})
	}
	for at := 0; at < 4*rows; at += 64 { // of the rows of weights that come next
		PREFETCHT1(Mem{Base: dst, Disp: 4*rows + at})
	}
	ADDQ(Imm(4), factor)
	ADDQ(U32(4*rows), x)
	LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
	DECQ(tokens)
	JNZ(LabelRef("loop"))
	finish()
}

func (r registers) int4Codes() {
	TEXT("int4Codes"+r.suffix, NOSPLIT, "func(n int, dst *byte, x, dither *float32, inverse float32)")
	Doc("int4Codes" + r.suffix + " writes dst[i] = min(15, max(0, int(x[i]*inverse+8+dither[i]))).")
	n, dst, x, dither, inverse := param("n"), param("dst"), param("x"), param("dither"), r.splat("inverse")
	eight, last, zero, v := r.splatted(8), r.word("int15", 15), r.zeros()[0], r.one()
	r.loop(n, func(at slot) {
		VMULPS(at.floats(x), inverse, v)
		VADDPS(eight, v, v)
		VADDPS(at.floats(dither), v, v)
		VCVTTPS2DQ(v, v)
		VPMAXSD(zero, v, v)
		VPMINSD(last, v, v)
		r.storeBytes(v, at.memory(dst, 1))
	})
	finish()
}

func (r registers) scaledProduct() {
	TEXT("scaledProduct"+r.suffix, NOSPLIT, "func(n int, dst, w, x *float32, f float32)")
	Doc("scaledProduct" + r.suffix + " writes dst[i] = w[i]*(x[i]*f).")
	n, dst, w, x, f, v := param("n"), param("dst"), param("w"), param("x"), r.splat("f"), r.one()
	r.loop(n, func(at slot) {
		VMULPS(at.floats(x), f, v)
		VMULPS(at.floats(w), v, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func (r registers) relu2Product() {
	TEXT("relu2Product"+r.suffix, NOSPLIT, "func(n int, dst, gate, up *float32)")
	Doc("relu2Product" + r.suffix + " writes dst[i] = max(gate[i],0)^2*up[i].")
	n, dst, gate, up, v, zero := param("n"), param("dst"), param("gate"), param("up"), r.one(), r.zeros()[0]
	r.loop(n, func(at slot) {
		at.fetch(gate, up)
		VMAXPS(at.floats(gate), zero, v)
		VMULPS(v, v, v)
		VMULPS(at.floats(up), v, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func (r registers) dot() {
	TEXT("dot"+r.suffix, NOSPLIT, "func(n int, x, y *float32) float32")
	Doc("dot" + r.suffix + " is the sum of x[i]*y[i], with one sum for each of 16 lanes.")
	n, x, y, v, sum := param("n"), param("x"), param("y"), r.one(), r.zeros()
	r.loop(n, func(at slot) {
		at.fetch(x)
		VMOVUPS(at.floats(x), v)
		VFMADD231PS(at.floats(y), v, sum[at.part])
	})
	Store(r.fold(sum, VADDPS), ReturnIndex(0))
	finish()
}

func (r registers) axpy() {
	TEXT("axpy"+r.suffix, NOSPLIT, "func(n int, a float32, x, y *float32)")
	Doc("axpy" + r.suffix + " adds a*x[i] to y[i].")
	n, a, x, y, v := param("n"), r.splat("a"), param("x"), param("y"), r.one()
	r.loop(n, func(at slot) {
		VMOVUPS(at.floats(y), v)
		VFMADD231PS(at.floats(x), a, v)
		VMOVUPS(v, at.floats(y))
	})
	finish()
}

func (r registers) dotF16() {
	TEXT("dotF16x"+r.suffix, NOSPLIT, "func(n int, w *uint16, x *float32) float32")
	Doc("dotF16x" + r.suffix + " is dot" + r.suffix + " with w in half precision.")
	n, w, x, v, sum := param("n"), param("w"), param("x"), r.one(), r.zeros()
	r.loop(n, func(at slot) {
		if at.part == 0 {
			PREFETCHT0(at.memory(w, 2).Offset(2048))
		}
		VCVTPH2PS(at.memory(w, 2), v)
		VFMADD231PS(at.floats(x), v, sum[at.part])
	})
	Store(r.fold(sum, VADDPS), ReturnIndex(0))
	finish()
}

// dotF16Rows reads four rows as four streams, and fetches the next four meanwhile.
func (r registers) dotF16Rows() {
	const rows = 4
	TEXT("dotF16Rows"+r.suffix, NOSPLIT, "func(n int, w *uint16, rowBytes int, x, y *float32)")
	Doc("dotF16Rows" + r.suffix + " writes y[r] = dotF16x" + r.suffix + "(n, w[r], x) for four rows, rowBytes apart.")
	n, w, size, x := param("n"), param("w"), param("rowBytes"), param("x")
	row := [rows]reg.Register{w}
	var sums [rows][]reg.VecVirtual
	for i := range row {
		if i > 0 {
			row[i] = GP64()
			LEAQ(Mem{Base: row[i-1], Index: size, Scale: 1}, row[i].(reg.GPVirtual))
		}
		sums[i] = r.zeros()
	}
	// The next four rows lie 4*rowBytes ahead, and an element has 2 bytes.
	ahead := [rows]reg.Register{}
	for i := range ahead {
		ahead[i] = GP64()
		LEAQ(Mem{Base: row[i], Index: size, Scale: 4}, ahead[i].(reg.GPVirtual))
	}
	v := r.one()
	r.loop(n, func(at slot) {
		for i := range row {
			if at.part == 0 {
				PREFETCHT1(at.memory(ahead[i], 2))
			}
			VCVTPH2PS(at.memory(row[i], 2), v)
			VFMADD231PS(at.floats(x), v, sums[i][at.part])
		}
	})
	y := param("y")
	for i := range sums {
		VMOVSS(r.fold(sums[i], VADDPS), Mem{Base: y, Disp: 4 * i})
	}
	finish()
}
