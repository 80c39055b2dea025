package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop runs body on blocks of 16 elements; n is a multiple of 16 and not 0.
func loop(n reg.Register, body func(i reg.GPVirtual)) { blocks(16, n, body) }

// blocks is loop for blocks of another size.
func blocks(size int, n reg.Register, body func(i reg.GPVirtual)) {
	i := GP64()
	XORQ(i, i)
	Label("loop")
	body(i)
	ADDQ(Imm(uint64(size)), i)
	CMPQ(i, n)
	JL(LabelRef("loop"))
}

func param(name string) reg.Register { return Load(Param(name), GP64()) }

func floats(base reg.Register, i reg.Register) Mem { return Mem{Base: base, Index: i, Scale: 4} }

// splat broadcasts a parameter from memory. Loading it with MOVSS first, as avo's Load
// does, costs 50 ns where a wide register has been written already.
func splat(name string) reg.VecVirtual {
	z := ZMM()
	from, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(from.Addr, z)
	return z
}

func finish() {
	VZEROUPPER()
	RET()
}

// fold reduces the lanes of z with op.
func fold(z reg.VecVirtual, op func(a, b reg.VecVirtual)) {
	other := ZMM()
	for _, shuffle := range []uint8{0x4e, 0xb1} {
		VSHUFF32X4(U8(shuffle), z, z, other)
		op(other, z)
	}
	for _, shuffle := range []uint8{0x4e, 0xb1} {
		VPERMILPS(U8(shuffle), z, other)
		op(other, z)
	}
}

func absMax() {
	TEXT("absMax512", NOSPLIT, "func(n int, x *float32) float32")
	Doc("absMax512 is the largest |x[i]|.")
	n, x := param("n"), param("x")
	mask, top, v := ZMM(), ZMM(), ZMM()
	VPBROADCASTD(broadcast("absMask", 0x7fffffff), mask)
	VPXORD(top, top, top)
	loop(n, func(i reg.GPVirtual) {
		VPANDD(floats(x, i), mask, v)
		VMAXPS(v, top, top)
	})
	fold(top, func(a, b reg.VecVirtual) { VMAXPS(a, b, b) })
	Store(top.AsX(), ReturnIndex(0))
	finish()
}

func quantize() {
	TEXT("quantize512", NOSPLIT, "func(n int, dst *int8, x *float32, scale float32) int32")
	Doc("quantize512 writes dst[i] = x[i]*scale, rounded half to even and clamped to int8, and returns the sum of dst.")
	n, dst, x, scale := param("n"), param("dst"), param("x"), splat("scale")
	v, sum, low, high := ZMM(), ZMM(), ZMM(), ZMM()
	VPXORD(sum, sum, sum)
	VPBROADCASTD(broadcast("int8Low", 0xffffff80), low)
	VPBROADCASTD(broadcast("int8High", 127), high)
	loop(n, func(i reg.GPVirtual) {
		VMULPS(floats(x, i), scale, v)
		VCVTPS2DQ(v, v)
		VPMAXSD(low, v, v)
		VPMINSD(high, v, v)
		VPADDD(v, sum, sum)
		VPMOVDB(v, Mem{Base: dst, Index: i, Scale: 1})
	})
	fold(sum, func(a, b reg.VecVirtual) { VPADDD(a, b, b) })
	out := GP32()
	VMOVD(sum.AsX(), out)
	Store(out, ReturnIndex(0))
	finish()
}

func rescale() {
	TEXT("rescale512", NOSPLIT, "func(n int, dst *float32, x *int32, f float32)")
	Doc("rescale512 writes dst[i] = float32(x[i])*f.")
	n, dst, x, f := param("n"), param("dst"), param("x"), splat("f")
	v := ZMM()
	loop(n, func(i reg.GPVirtual) {
		VCVTDQ2PS(floats(x, i), v)
		VMULPS(v, f, v)
		VMOVUPS(v, floats(dst, i))
	})
	finish()
}

// rescaleSums rescales so many rows of each token.
func rescaleSums(rows int) {
	name := fmt.Sprintf("rescaleSums512x%d", rows)
	TEXT(name, NOSPLIT, "func(tokens int, dst *float32, width int, x *int32, factor *float32)")
	Doc(fmt.Sprintf("%s writes dst[t*width+i] = float32(x[t*%d+i])*factor[t] for i below %d.", name, rows, rows))
	tokens, dst, width, x, factor := param("tokens"), param("dst"), param("width"), param("x"), param("factor")
	f, v := ZMM(), []reg.VecVirtual{ZMM(), ZMM()}[:rows/16]
	Label("loop")
	VBROADCASTSS(Mem{Base: factor}, f)
	for i := range v {
		VCVTDQ2PS(Mem{Base: x, Disp: 64 * i}, v[i])
		VMULPS(f, v[i], v[i])
		VMOVUPS(v[i], Mem{Base: dst, Disp: 64 * i})
	}
	ADDQ(Imm(4), factor)
	ADDQ(U32(4*rows), x)
	LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
	DECQ(tokens)
	JNZ(LabelRef("loop"))
	finish()
}

func int4Codes() {
	TEXT("int4Codes512", NOSPLIT, "func(n int, dst *byte, x, dither *float32, inverse float32)")
	Doc("int4Codes512 writes dst[i] = min(15, max(0, int(x[i]*inverse+8+dither[i]))).")
	n, dst, x, dither := param("n"), param("dst"), param("x"), param("dither")
	inverse, eight, last, zero, v := splat("inverse"), ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(broadcast("float8", math.Float32bits(8)), eight)
	VPBROADCASTD(broadcast("int15", 15), last)
	VPXORD(zero, zero, zero)
	loop(n, func(i reg.GPVirtual) {
		VMULPS(floats(x, i), inverse, v)
		VADDPS(eight, v, v)
		VADDPS(floats(dither, i), v, v)
		VCVTTPS2DQ(v, v)
		VPMAXSD(zero, v, v)
		VPMINSD(last, v, v)
		VPMOVDB(v, Mem{Base: dst, Index: i, Scale: 1})
	})
	finish()
}

func scaledProduct() {
	TEXT("scaledProduct512", NOSPLIT, "func(n int, dst, w, x *float32, f float32)")
	Doc("scaledProduct512 writes dst[i] = w[i]*(x[i]*f).")
	n, dst, w, x, f := param("n"), param("dst"), param("w"), param("x"), splat("f")
	v := ZMM()
	loop(n, func(i reg.GPVirtual) {
		VMULPS(floats(x, i), f, v)
		VMULPS(floats(w, i), v, v)
		VMOVUPS(v, floats(dst, i))
	})
	finish()
}

func relu2Product() {
	TEXT("relu2Product512", NOSPLIT, "func(n int, gate, up *float32)")
	Doc("relu2Product512 replaces gate[i] by max(gate[i],0)^2*up[i].")
	n, gate, up := param("n"), param("gate"), param("up")
	v, zero := ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	loop(n, func(i reg.GPVirtual) {
		VMAXPS(floats(gate, i), zero, v)
		VMULPS(v, v, v)
		VMULPS(floats(up, i), v, v)
		VMOVUPS(v, floats(gate, i))
	})
	finish()
}

func dot() {
	TEXT("dot512", NOSPLIT, "func(n int, x, y *float32) float32")
	Doc("dot512 is the sum of x[i]*y[i], with one sum for each of 16 lanes.")
	n, x, y := param("n"), param("x"), param("y")
	v, sum := ZMM(), ZMM()
	VPXORD(sum, sum, sum)
	loop(n, func(i reg.GPVirtual) {
		VMOVUPS(floats(x, i), v)
		VFMADD231PS(floats(y, i), v, sum)
	})
	fold(sum, func(a, b reg.VecVirtual) { VADDPS(a, b, b) })
	Store(sum.AsX(), ReturnIndex(0))
	finish()
}

func axpy() {
	TEXT("axpy512", NOSPLIT, "func(n int, a float32, x, y *float32)")
	Doc("axpy512 adds a*x[i] to y[i].")
	n, a, x, y := param("n"), splat("a"), param("x"), param("y")
	v := ZMM()
	loop(n, func(i reg.GPVirtual) {
		VMOVUPS(floats(y, i), v)
		VFMADD231PS(floats(x, i), a, v)
		VMOVUPS(v, floats(y, i))
	})
	finish()
}

func dotF16() {
	TEXT("dotF16x512", NOSPLIT, "func(n int, w *uint16, x *float32) float32")
	Doc("dotF16x512 is dot512 with w in half precision.")
	n, w, x := param("n"), param("w"), param("x")
	v, sum := ZMM(), ZMM()
	VPXORD(sum, sum, sum)
	loop(n, func(i reg.GPVirtual) {
		PREFETCHT0(Mem{Base: w, Index: i, Scale: 2, Disp: 2048})
		VCVTPH2PS(Mem{Base: w, Index: i, Scale: 2}, v)
		VFMADD231PS(floats(x, i), v, sum)
	})
	fold(sum, func(a, b reg.VecVirtual) { VADDPS(a, b, b) })
	Store(sum.AsX(), ReturnIndex(0))
	finish()
}
