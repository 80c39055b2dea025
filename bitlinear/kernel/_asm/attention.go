package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scores goes through the keys one after the other with two sums each; the keys do not
// depend on one another, so the processor overlaps them.
func scores() {
	TEXT("scores512", NOSPLIT, "func(dim, count int, dst, q, keys *float32, stride int)")
	Doc("scores512 writes dst[p] = sum over i < dim of q[i]*keys[p*stride+i] for p < count; dim is a multiple of 32.")
	dim, count, dst, q, keys, stride := param("dim"), param("count"), param("dst"), param("q"), param("keys"), param("stride")
	SHLQ(U8(2), stride)
	i, a, b, v := GP64(), ZMM(), ZMM(), ZMM()
	Label("key")
	VPXORD(a, a, a)
	VPXORD(b, b, b)
	XORQ(i, i)
	Label("loop")
	VMOVUPS(floats(q, i), v)
	VFMADD231PS(floats(keys, i), v, a)
	VMOVUPS(Mem{Base: q, Index: i, Scale: 4, Disp: 64}, v)
	VFMADD231PS(Mem{Base: keys, Index: i, Scale: 4, Disp: 64}, v, b)
	ADDQ(Imm(32), i)
	CMPQ(i, dim)
	JL(LabelRef("loop"))
	VADDPS(b, a, a)
	fold(a, func(x, y reg.VecVirtual) { VADDPS(x, y, y) })
	VMOVSS(a.AsX(), Mem{Base: dst})
	ADDQ(Imm(4), dst)
	ADDQ(stride, keys)
	DECQ(count)
	JNZ(LabelRef("key"))
	finish()
}

func weightedSum() {
	TEXT("weightedSum512", NOSPLIT, "func(dim, count int, dst, e, values *float32, stride int)")
	Doc("weightedSum512 writes dst[i] = sum over p < count of e[p]*values[p*stride+i] for i < dim, p in order; dim is a multiple of 64.")
	dim, count, dst, e, values, stride := param("dim"), param("count"), param("dst"), param("e"), param("values"), param("stride")
	SHLQ(U8(2), stride)
	p, at, weight := GP64(), GP64(), ZMM()
	sums := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	Label("columns")
	for _, s := range sums {
		VPXORD(s, s, s)
	}
	XORQ(p, p)
	MOVQ(values, at)
	Label("loop")
	VBROADCASTSS(floats(e, p), weight)
	for i, s := range sums {
		VFMADD231PS(Mem{Base: at, Disp: 64 * i}, weight, s)
	}
	ADDQ(stride, at)
	INCQ(p)
	CMPQ(p, count)
	JL(LabelRef("loop"))
	for i, s := range sums {
		VMOVUPS(s, Mem{Base: dst, Disp: 64 * i})
	}
	ADDQ(U32(256), values)
	ADDQ(U32(256), dst)
	SUBQ(Imm(64), dim)
	JNZ(LabelRef("columns"))
	finish()
}
