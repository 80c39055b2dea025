package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// widen converts elements to float32.
func widen(e element, w width) {
	name := fmt.Sprintf("widen%s%s", e.name, w.name)
	TEXT(name, NOSPLIT, fmt.Sprintf("func(n int, dst *float32, x *%s)", e.typ))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s writes dst[i] = float32 of x[i].", name))
	n, dst, x := param("n"), param("dst"), param("x")
	v := w.register()
	blocks(w.lanes, n, func(i reg.GPVirtual) {
		e.load(Mem{Base: x, Index: i, Scale: uint8(e.bytes)}, v)
		VMOVUPS(v, floats(dst, i))
	})
	finish()
}

// narrowF16 rounds to half precision, to nearest and half to even.
func narrowF16(w width) {
	name := "narrowF16" + w.name
	TEXT(name, NOSPLIT, "func(n int, dst *uint16, x *float32)")
	Pragma("noescape")
	Doc(name + " writes dst[i] = float16.Bits(x[i]).")
	n, dst, x := param("n"), param("dst"), param("x")
	v := w.register()
	blocks(w.lanes, n, func(i reg.GPVirtual) {
		VMOVUPS(floats(x, i), v)
		VCVTPS2PH(U8(0), v, Mem{Base: dst, Index: i, Scale: 2})
	})
	finish()
}

// rotate turns pairs as RoPE does, rounding every product as Go does.
func rotate(w width) {
	name := "rotate" + w.name
	TEXT(name, NOSPLIT, "func(n int, x, y, cos, sin *float32)")
	Pragma("noescape")
	Doc(name + " replaces x[i], y[i] by x[i]*cos[i]-y[i]*sin[i], y[i]*cos[i]+x[i]*sin[i].")
	n, x, y, cos, sin := param("n"), param("x"), param("y"), param("cos"), param("sin")
	u, v, c, s, t := w.register(), w.register(), w.register(), w.register(), w.register()
	blocks(w.lanes, n, func(i reg.GPVirtual) {
		VMOVUPS(floats(x, i), u)
		VMOVUPS(floats(y, i), v)
		VMOVUPS(floats(cos, i), c)
		VMOVUPS(floats(sin, i), s)
		VMULPS(u, s, t)
		VMULPS(u, c, u)
		VMULPS(v, s, s)
		VMULPS(v, c, v)
		VSUBPS(s, u, u)
		VADDPS(t, v, v)
		VMOVUPS(u, floats(x, i))
		VMOVUPS(v, floats(y, i))
	})
	finish()
}
