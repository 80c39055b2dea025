package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// expConstants are those of kernel.Exp, loaded once for a function.
type expConstants struct {
	floor, log2e, high, low, one reg.VecVirtual
	poly                         []Mem
	n, r                         reg.VecVirtual
}

var expMemory = map[float32]Mem{}

func float(v float32) Mem {
	if m, ok := expMemory[v]; ok {
		return m
	}
	expMemory[v] = broadcast("float"+U32(math.Float32bits(v)).Asm()[1:], math.Float32bits(v))
	return expMemory[v]
}

func splatted(v float32) reg.VecVirtual {
	z := ZMM()
	VBROADCASTSS(float(v), z)
	return z
}

func newExp() *expConstants {
	e := &expConstants{floor: splatted(-86.5), log2e: splatted(math.Log2E), high: splatted(0.693359375), low: splatted(2.12194440e-4), one: splatted(1), n: ZMM(), r: ZMM()}
	for _, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		e.poly = append(e.poly, float(c))
	}
	return e
}

// exp replaces t by e^t, step by step as kernel.Exp does.
func (e *expConstants) exp(t reg.VecVirtual) {
	p, tiny := ZMM(), K()
	VCMPPS(U8(13), e.floor, t, tiny) // t >= floor
	VMULPS(e.log2e, t, e.n)
	VRNDSCALEPS(U8(8), e.n, e.n)
	VMULPS(e.high, e.n, e.r)
	VSUBPS(e.r, t, e.r)
	VMULPS(e.low, e.n, p)
	VADDPS(p, e.r, e.r)
	VBROADCASTSS(float(1.9875691500e-4), p)
	for _, c := range e.poly {
		VMULPS(e.r, p, p)
		VADDPS_BCST(c, p, p)
	}
	VMULPS(e.r, p, p)
	VMULPS(e.r, p, p)
	VADDPS(e.r, p, p)
	VADDPS(e.one, p, p)
	VSCALEFPS_Z(e.n, p, tiny, t)
}

func expScaled() {
	TEXT("expScaled512", NOSPLIT, "func(n int, x *float32, scale, top float32) float32")
	Doc("expScaled512 replaces x[i] by Exp(scale*(x[i]-top)) and returns the sum.")
	n, x, scale, top := param("n"), param("x"), splat("scale"), splat("top")
	e, v, sum := newExp(), ZMM(), ZMM()
	VPXORD(sum, sum, sum)
	loop(n, func(i reg.GPVirtual) {
		VMOVUPS(floats(x, i), v)
		VSUBPS(top, v, v)
		VMULPS(scale, v, v)
		e.exp(v)
		VADDPS(v, sum, sum)
		VMOVUPS(v, floats(x, i))
	})
	fold(sum, func(a, b reg.VecVirtual) { VADDPS(a, b, b) })
	Store(sum.AsX(), ReturnIndex(0))
	finish()
}

func siluProduct() {
	TEXT("siluProduct512", NOSPLIT, "func(n int, gate, up *float32)")
	Doc("siluProduct512 replaces gate[i] by gate[i]*(1/(1+Exp(-gate[i])))*up[i].")
	n, gate, up := param("n"), param("gate"), param("up")
	e, g, v, zero := newExp(), ZMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	loop(n, func(i reg.GPVirtual) {
		VMOVUPS(floats(gate, i), g)
		VSUBPS(g, zero, v)
		e.exp(v)
		VADDPS(e.one, v, v)
		VDIVPS(v, e.one, v)
		VMULPS(v, g, v)
		VMULPS(floats(up, i), v, v)
		VMOVUPS(v, floats(gate, i))
	})
	finish()
}

func maximum() {
	TEXT("max512", NOSPLIT, "func(n int, x *float32) float32")
	Doc("max512 is the largest x[i].")
	n, x := param("n"), param("x")
	top := splatted(float32(math.Inf(-1)))
	loop(n, func(i reg.GPVirtual) { VMAXPS(floats(x, i), top, top) })
	fold(top, func(a, b reg.VecVirtual) { VMAXPS(a, b, b) })
	Store(top.AsX(), ReturnIndex(0))
	finish()
}

func sumInt8() {
	TEXT("sumInt8x512", NOSPLIT, "func(n int, x *int8) int32")
	Doc("sumInt8x512 is the sum of x[i].")
	n, x := param("n"), param("x")
	v, sum := ZMM(), ZMM()
	VPXORD(sum, sum, sum)
	loop(n, func(i reg.GPVirtual) {
		VPMOVSXBD(Mem{Base: x, Index: i, Scale: 1}, v)
		VPADDD(v, sum, sum)
	})
	fold(sum, func(a, b reg.VecVirtual) { VPADDD(a, b, b) })
	out := GP32()
	VMOVD(sum.AsX(), out)
	Store(out, ReturnIndex(0))
	finish()
}
