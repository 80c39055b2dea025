package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// expConstants are the constants of vector.Exp, loaded once for a function.
type expConstants struct {
	registers
	floor, ceiling, log2e, high, low, one reg.VecVirtual
	n, r                                  reg.VecVirtual
}

func float(v float32) Mem {
	bits := math.Float32bits(v)
	return constant("float"+U32(bits).Asm()[1:], bits)
}

func (r registers) splatted(v float32) reg.VecVirtual {
	z := r.one()
	VBROADCASTSS(float(v), z)
	return z
}

func (r registers) addConstant(v float32, to reg.VecVirtual) {
	if r.parts == 1 {
		VADDPS_BCST(float(v), to, to)
		return
	}
	VADDPS(r.splatted(v), to, to)
}

func (r registers) newExp() *expConstants {
	return &expConstants{registers: r, floor: r.splatted(-86.5), ceiling: r.splatted(88.7), log2e: r.splatted(math.Log2E),
		high: r.splatted(0.693359375), low: r.splatted(2.12194440e-4), one: r.splatted(1), n: r.one(), r: r.one()}
}

// exp replaces t by e^t, step by step as vector.Exp does.
func (e *expConstants) exp(t reg.VecVirtual) {
	p := e.registers.one()
	VMULPS(e.log2e, t, e.n)
	e.round()
	VMULPS(e.high, e.n, e.r)
	VSUBPS(e.r, t, e.r)
	VMULPS(e.low, e.n, p)
	VADDPS(p, e.r, e.r)
	VBROADCASTSS(float(1.9875691500e-4), p)
	for _, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		VMULPS(e.r, p, p)
		e.addConstant(c, p)
	}
	VMULPS(e.r, p, p)
	VMULPS(e.r, p, p)
	VADDPS(e.r, p, p)
	VADDPS(e.one, p, p)
	if e.parts == 1 {
		e.scaleZMM(p, t)
	} else {
		e.scaleYMM(p, t)
	}
}

func (e *expConstants) round() {
	const nearestEven = U8(8)
	if e.parts == 1 {
		VRNDSCALEPS(nearestEven, e.n, e.n)
		return
	}
	VROUNDPS(nearestEven, e.n, e.n)
}

// Comparisons: "not less than" is true for a NaN.
const (
	notLess = U8(5)
	greater = U8(14)
)

// scaleZMM replaces t by p*2^n, by 0 where t is below the floor and by infinity where it is
// above the ceiling.
func (e *expConstants) scaleZMM(p, t reg.VecVirtual) {
	normal, huge := K(), K()
	VCMPPS(notLess, e.floor, t, normal)
	VCMPPS(greater, e.ceiling, t, huge)
	VSCALEFPS_Z(e.n, p, normal, t)
	VBROADCASTSS(float(float32(math.Inf(1))), huge, t)
}

// scaleYMM is scaleZMM with the power made of its bits.
func (e *expConstants) scaleYMM(p, t reg.VecVirtual) {
	normal, huge := YMM(), YMM()
	VCMPPS(notLess, e.floor, t, normal)
	VCMPPS(greater, e.ceiling, t, huge)
	VCVTPS2DQ(e.n, e.n)
	VPADDD(e.word("halfExponent", 126), e.n, e.n)
	VPSLLD(U8(23), e.n, e.n)
	VMULPS(e.n, p, p)
	VADDPS(p, p, p)
	VANDPS(normal, p, p)
	VBLENDVPS(huge, e.splatted(float32(math.Inf(1))), p, t)
}

func (r registers) expScaled() {
	r.exponentials("expScaled", "replaces x[i] by Exp(scale*(x[i]-top)) and returns the sum", true)
	r.exponentials("expSum", "is the sum of Exp(scale*(x[i]-top))", false)
}

func (r registers) exponentials(name, what string, store bool) {
	TEXT(name+r.suffix, NOSPLIT, "func(n int, x *float32, scale, top float32) float32")
	Doc(name + r.suffix + " " + what + ".")
	n, x, scale, top := param("n"), param("x"), r.splat("scale"), r.splat("top")
	e, v, sum := r.newExp(), r.one(), r.zeros()
	r.loop(n, func(at slot) {
		VMOVUPS(at.floats(x), v)
		VSUBPS(top, v, v)
		VMULPS(scale, v, v)
		e.exp(v)
		VADDPS(v, sum[at.part], sum[at.part])
		if store {
			VMOVUPS(v, at.floats(x))
		}
	})
	Store(r.fold(sum, VADDPS), ReturnIndex(0))
	finish()
}

func (r registers) siluProduct() {
	TEXT("siluProduct"+r.suffix, NOSPLIT, "func(n int, dst, gate, up *float32)")
	Doc("siluProduct" + r.suffix + " writes dst[i] = gate[i]*(1/(1+Exp(-gate[i])))*up[i].")
	n, dst, gate, up := param("n"), param("dst"), param("gate"), param("up")
	e, g, v, zero := r.newExp(), r.one(), r.one(), r.zeros()[0]
	r.loop(n, func(at slot) {
		at.fetch(gate, up)
		VMOVUPS(at.floats(gate), g)
		VSUBPS(g, zero, v)
		e.exp(v)
		VADDPS(e.one, v, v)
		VDIVPS(v, e.one, v)
		VMULPS(v, g, v)
		VMULPS(at.floats(up), v, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func (r registers) maximum() {
	TEXT("max"+r.suffix, NOSPLIT, "func(n int, x *float32) float32")
	Doc("max" + r.suffix + " is the largest x[i].")
	n, x := param("n"), param("x")
	var top []reg.VecVirtual
	for range 2 * r.parts {
		top = append(top, r.splatted(float32(math.Inf(-1))))
	}
	r.inTurn(n, top, func(at slot, top reg.VecVirtual) { VMAXPS(at.floats(x), top, top) })
	top = r.meet(top, VMAXPS)
	Store(r.fold(top, VMAXPS), ReturnIndex(0))
	finish()
}

func (r registers) sumInt8() {
	TEXT("sumInt8x"+r.suffix, NOSPLIT, "func(n int, x *int8) int32")
	Doc("sumInt8x" + r.suffix + " is the sum of x[i].")
	n, x, v, sum := param("n"), param("x"), r.one(), r.zeros()
	r.loop(n, func(at slot) {
		VPMOVSXBD(at.memory(x, 1), v)
		VPADDD(v, sum[at.part], sum[at.part])
	})
	r.storeSum(sum)
}
