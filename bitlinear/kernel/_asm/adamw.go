package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pageAhead is the distance, in bytes, at which streams of memory are prefetched: processors
// prefetch by themselves, but not into the next page.
const pageAhead = 4096

// fetch prefetches a line of each stream of floats, a page ahead.
func (s slot) fetch(streams ...reg.Register) {
	if s.part > 0 {
		return
	}
	for _, stream := range streams {
		PREFETCHT0(s.floats(stream).Offset(pageAhead))
	}
}

// adamConstants are the fields of vector.AdamW, in order.
type adamConstants struct {
	registers
	scale, blend1, beta2, blend2, inverseRoot, eps, keep, size reg.VecVirtual
	g, spare                                                   reg.VecVirtual
}

func (r registers) newAdam(step reg.Register) *adamConstants {
	a := &adamConstants{registers: r, g: r.one(), spare: r.one()}
	fields := []*reg.VecVirtual{&a.scale, &a.blend1, &a.beta2, &a.blend2, &a.inverseRoot, &a.eps, &a.keep, &a.size}
	for i, c := range fields {
		*c = r.one()
		VBROADCASTSS(Mem{Base: step, Disp: 4 * i}, *c)
	}
	return a
}

// moments moves m and v towards a gradient and its square.
func (a *adamConstants) moments(grad Mem, m, v reg.VecVirtual) {
	VMULPS(grad, a.scale, a.g)
	VSUBPS(m, a.g, a.spare)
	VMULPS(a.blend1, a.spare, a.spare)
	VADDPS(a.spare, m, m)
	VMULPS(a.beta2, v, v)
	VMULPS(a.blend2, a.g, a.spare)
	VMULPS(a.g, a.spare, a.spare)
	VADDPS(a.spare, v, v)
}

// move moves value. It does not change m and v.
func (a *adamConstants) move(value Mem, m, v reg.VecVirtual) {
	VSQRTPS(v, a.spare)
	VMULPS(a.inverseRoot, a.spare, a.spare)
	VADDPS(a.eps, a.spare, a.spare)
	VMULPS(a.size, m, a.g)
	VDIVPS(a.spare, a.g, a.g)
	VMULPS(value, a.keep, a.spare)
	VSUBPS(a.g, a.spare, a.spare)
	VMOVUPS(a.spare, value)
}

func (r registers) adamW() {
	TEXT("adamW"+r.suffix, NOSPLIT, "func(n int, value, m, v, grad, step *float32)")
	Doc("adamW" + r.suffix + " is adamWGeneric.")
	n, value, mean, square, grad := param("n"), param("value"), param("m"), param("v"), param("grad")
	a, m, v := r.newAdam(param("step")), r.one(), r.one()
	r.loop(n, func(at slot) {
		at.fetch(value, mean, square, grad)
		VMOVUPS(at.floats(mean), m)
		VMOVUPS(at.floats(square), v)
		a.moments(at.floats(grad), m, v)
		VMOVUPS(m, at.floats(mean))
		VMOVUPS(v, at.floats(square))
		a.move(at.floats(value), m, v)
	})
	finish()
}

// sumSquares has sums of 16 lanes in float64, in which the product of two float32 is exact.
func (r registers) sumSquares() {
	r.doubleSums("sumSquares", "x[i]*x[i]", func(v, sum reg.VecVirtual) { VFMADD231PD(v, v, sum) })
}

func (r registers) absSum() {
	abs := func(i int) uint32 { return ^uint32(i % 2 << 31) } // a double's sign is in its second word
	r.doubleSums("absSum", "|x[i]|", func(v, sum reg.VecVirtual) {
		VANDPD(words("absMask64", abs), v, v)
		VADDPD(v, sum, sum)
	})
}

// doubleSums is a sum over terms of x, which term adds from a register of doubles to one.
func (r registers) doubleSums(name, what string, term func(v, sum reg.VecVirtual)) {
	TEXT(name+r.suffix, NOSPLIT, "func(n int, x *float32) float64")
	Doc(name + r.suffix + " is the sum of " + what + " in float64, with one sum for each of 16 lanes.")
	n, x, v, sums := param("n"), param("x"), r.one(), append(r.zeros(), r.zeros()...)
	blocks(16, n, func(i reg.GPVirtual) {
		PREFETCHT0(floats(x, i).Offset(pageAhead))
		for part, sum := range sums {
			VCVTPS2PD(slot{i, part, 16 / len(sums)}.floats(x), v)
			term(v, sum)
		}
	})
	for half := len(sums) / 2; half > 0; half /= 2 {
		for i := range half {
			VADDPD(sums[half+i], sums[i], sums[i])
		}
	}
	Store(r.foldDoubles(sums[0]), ReturnIndex(0))
	finish()
}

// foldDoubles adds up the lanes of a register, halves by halves.
func (r registers) foldDoubles(v reg.VecVirtual) reg.Register {
	if r.parts == 1 {
		high := YMM()
		VEXTRACTF64X4(U8(1), v, high)
		VADDPD(high, v.AsY(), v.AsY())
	}
	sum, other := v.AsX(), XMM()
	VEXTRACTF128(U8(1), v.AsY(), other)
	VADDPD(other, sum, sum)
	VPERMILPD(U8(1), sum, other)
	VADDPD(other, sum, sum)
	return sum
}

// adamWBF16 reads and rounds moments in bfloat16; each lane has its number and a hash of it.
func (r registers) adamWBF16() {
	TEXT("adamWBF16x"+r.suffix, NOSPLIT,
		"func(n int, value *float32, m, v *uint16, grad, step *float32, first, key uint32)")
	Doc("adamWBF16x" + r.suffix + " is adamWBF16Generic.")
	n, value, mean, square, grad := param("n"), param("value"), param("m"), param("v"), param("grad")
	a, m, v, key, number := r.newAdam(param("step")), r.one(), r.one(), r.splat("key"), r.splat("first")
	VPADDD(words("laneNumbers", func(i int) uint32 { return uint32(i) }), number, number)
	r.loop(n, func(at slot) {
		if at.part == 0 {
			for _, stream := range []Mem{at.memory(value, 4), at.memory(mean, 2), at.memory(square, 2), at.memory(grad, 4)} {
				PREFETCHT0(stream.Offset(pageAhead))
			}
		}
		widenBF16(at.memory(mean, 2), m)
		widenBF16(at.memory(square, 2), v)
		a.moments(at.floats(grad), m, v)
		a.move(at.floats(value), m, v)
		hash, spare := a.g, a.spare
		VXORPS(key, number, hash)
		r.mix(hash, spare)
		VPADDD(words("lanesOfPart"+r.suffix, func(int) uint32 { return uint32(at.lanes) }), number, number)
		VPSLLD(U8(16), hash, spare)
		VPSRLD(U8(16), spare, spare)
		VPADDD(spare, m, m)
		r.storeHighHalves(m, at.memory(mean, 2))
		VPSRLD(U8(16), hash, hash)
		VPADDD(hash, v, v)
		r.storeHighHalves(v, at.memory(square, 2))
	})
	finish()
}

// mix is mix32 in Go.
func (r registers) mix(x, spare reg.VecVirtual) {
	fold := func(shift uint8) {
		VPSRLD(U8(shift), x, spare)
		VXORPS(spare, x, x)
	}
	fold(16)
	VPMULLD(words("mixFactor1", func(int) uint32 { return 0x85ebca6b }), x, x)
	fold(13)
	VPMULLD(words("mixFactor2", func(int) uint32 { return 0xc2b2ae35 }), x, x)
	fold(16)
}

func widenBF16(from Mem, v reg.VecVirtual) {
	VPMOVZXWD(from, v)
	VPSLLD(U8(16), v, v)
}

// storeHighHalves narrows lanes to their high halves.
func (r registers) storeHighHalves(v reg.VecVirtual, to Mem) {
	VPSRLD(U8(16), v, v)
	if r.parts == 1 {
		VPMOVDW(v, to)
		return
	}
	high := XMM()
	VEXTRACTI128(U8(1), v, high)
	VPACKUSDW(high, v.AsX(), v.AsX())
	VMOVDQU(v.AsX(), to)
}
