package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packEight turns eight lines into columns: lines i and i+4 lie in the halves of a register, so
// that four registers are transposed within their halves, four values of all lines at a time.
func packEight() {
	TEXT("packEight256", NOSPLIT, "func(n int, dst *float32, stride int, x *float32, ld int)")
	Doc("packEight256 writes dst[v*stride+l] = x[l*ld+v] for eight lines l and v below n, a multiple of 4.")
	n, dst, x := param("n"), param("dst"), param("x")
	to, from := fourLines(dst, param("stride")), fourLines(x, param("ld"))
	second := GP64()
	LEAQ(from(2), second)
	LEAQ(Mem{Base: second, Index: from(2).Index, Scale: 2}, second)
	SUBQ(x, second) // from lines 0 to 3 to lines 4 to 7
	a, t := make([]reg.VecVirtual, 4), make([]reg.VecVirtual, 4)
	for i := range a {
		a[i], t[i] = YMM(), YMM()
	}
	Label("loop")
	for i := range a {
		VMOVUPS(from(i), a[i].AsX())
	}
	ADDQ(second, x)
	for i := range a {
		VINSERTF128(U8(1), from(i), a[i], a[i])
	}
	SUBQ(second, x)
	for i := 0; i < 4; i += 2 {
		VUNPCKLPS(a[i+1], a[i], t[i])
		VUNPCKHPS(a[i+1], a[i], t[i+1])
	}
	for i := range 2 {
		VUNPCKLPD(t[2+i], t[i], a[2*i])
		VUNPCKHPD(t[2+i], t[i], a[2*i+1])
	}
	for i := range a {
		VMOVUPS(a[i], to(i))
	}
	ADDQ(Imm(16), x)
	LEAQ(Mem{Base: dst, Index: to(2).Index, Scale: 4}, dst)
	SUBQ(Imm(4), n)
	JNZ(LabelRef("loop"))
	finish()
}

// fourLines addresses four lines, distance floats apart.
func fourLines(base, distance reg.Register) func(line int) Mem {
	SHLQ(U8(2), distance)
	return fourApart(base, distance)
}

// fourApart addresses four lines, distance bytes apart.
func fourApart(base, distance reg.Register) func(line int) Mem {
	three := GP64()
	LEAQ(Mem{Base: distance, Index: distance, Scale: 2}, three)
	return func(line int) Mem {
		return []Mem{
			{Base: base},
			{Base: base, Index: distance, Scale: 1},
			{Base: base, Index: distance, Scale: 2},
			{Base: base, Index: three, Scale: 1},
		}[line]
	}
}

// packOctets goes through rows in the order of memory, and prefetches some.
func packOctets() {
	const ahead = 8
	TEXT("packOctets256", NOSPLIT, "func(octets, rows int, dst *float32, x *float32, ld int)")
	Doc("packOctets256 writes dst[(p*rows+v)*8+l] = x[v*ld+8p+l] for eight values l, octets p and rows v.")
	octets, rows, dst, x, ld := param("octets"), param("rows"), param("dst"), param("x"), param("ld")
	SHLQ(U8(2), ld)
	panel, left, from, to, next, p, v := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), YMM()
	MOVQ(rows, left)
	MOVQ(rows, panel)
	SHLQ(U8(5), panel)
	Label("row")
	MOVQ(x, from)
	MOVQ(dst, to)
	MOVQ(octets, p)
	LEAQ(Mem{Base: x, Index: ld, Scale: ahead}, next)
	Label("octet")
	PREFETCHT0(Mem{Base: next})
	VMOVUPS(Mem{Base: from}, v)
	VMOVUPS(v, Mem{Base: to})
	ADDQ(Imm(32), next)
	ADDQ(Imm(32), from)
	ADDQ(panel, to)
	DECQ(p)
	JNZ(LabelRef("octet"))
	ADDQ(ld, x)
	ADDQ(Imm(32), dst)
	DECQ(left)
	JNZ(LabelRef("row"))
	finish()
}
