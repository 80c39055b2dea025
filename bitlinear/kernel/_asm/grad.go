package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

const gradSignature = "func(n int, dGate, dUp, gate, up, grad *float32)"

func (r registers) relu2Grad() {
	TEXT("relu2Grad"+r.suffix, NOSPLIT, gradSignature)
	Doc("relu2Grad" + r.suffix + " is relu2GradGeneric.")
	n, dGate, dUp, gate, up, grad := param("n"), param("dGate"), param("dUp"), param("gate"), param("up"), param("grad")
	g, d, v, zero := r.one(), r.one(), r.one(), r.zeros()[0]
	r.loop(n, func(at slot) {
		VMAXPS(at.floats(gate), zero, g)
		VMOVUPS(at.floats(grad), d)
		VADDPS(g, g, v)
		VMULPS(at.floats(up), v, v)
		VMULPS(d, v, v)
		VMULPS(g, g, g)
		VMULPS(d, g, g)
		VMOVUPS(v, at.floats(dGate))
		VMOVUPS(g, at.floats(dUp))
	})
	finish()
}

func (r registers) siluGrad() {
	TEXT("siluGrad"+r.suffix, NOSPLIT, gradSignature)
	Doc("siluGrad" + r.suffix + " is siluGradGeneric.")
	n, dGate, dUp, gate, up, grad := param("n"), param("dGate"), param("dUp"), param("gate"), param("up"), param("grad")
	e, g, s, zero := r.newExp(), r.one(), r.one(), r.zeros()[0]
	r.loop(n, func(at slot) {
		VSUBPS(at.floats(gate), zero, s)
		e.exp(s)
		VADDPS(e.one, s, s)
		VDIVPS(s, e.one, s)
		VMOVUPS(at.floats(gate), g)
		slope := r.one()
		VSUBPS(s, e.one, slope)
		VMULPS(g, slope, slope)
		VADDPS(e.one, slope, slope)
		VMULPS(s, slope, slope)
		VMULPS(at.floats(up), slope, slope)
		VMULPS(at.floats(grad), slope, slope)
		VMULPS(g, s, s)
		VMULPS(at.floats(grad), s, s)
		VMOVUPS(slope, at.floats(dGate))
		VMOVUPS(s, at.floats(dUp))
	})
	finish()
}

// streamSums is storeSums past the caches, for results that are not read soon: a store reads its line
// from memory first, this one does not.
func (r registers) streamSums() {
	name := "streamSums" + r.suffix
	TEXT(name, NOSPLIT, "func(rows int, dst *float32, width int, sums, factor *float32)")
	Doc(name + " is storeSumsGeneric for 32 columns; rows of dst lie at multiples of 64 bytes.")
	rows, dst, width, sums, factor := param("rows"), param("dst"), param("width"), param("sums"), param("factor")
	f, v, bytes := r.one(), r.one(), 64/r.parts
	Label("loop")
	VBROADCASTSS(Mem{Base: factor}, f)
	for at := 0; at < 4*32; at += bytes {
		VMULPS(Mem{Base: sums, Disp: at}, f, v)
		VMOVNTPS(v, Mem{Base: dst, Disp: at})
	}
	ADDQ(Imm(4), factor)
	ADDQ(U32(4*32), sums)
	LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
	DECQ(rows)
	JNZ(LabelRef("loop"))
	SFENCE()
	finish()
}

// storeSums writes the sums of a product to its result, or adds them.
func (r registers) storeSums(name string, add bool) {
	TEXT(name+r.suffix, NOSPLIT, "func(rows int, dst *float32, width int, sums, factor *float32)")
	Doc(name + r.suffix + " is " + name + "Generic for 32 columns.")
	rows, dst, width, sums, factor := param("rows"), param("dst"), param("width"), param("sums"), param("factor")
	f, v, bytes := r.one(), r.one(), 64/r.parts
	Label("loop")
	VBROADCASTSS(Mem{Base: factor}, f)
	for at := 0; at < 4*32; at += bytes {
		VMULPS(Mem{Base: sums, Disp: at}, f, v)
		if add {
			VADDPS(Mem{Base: dst, Disp: at}, v, v)
		}
		VMOVUPS(v, Mem{Base: dst, Disp: at})
	}
	for at := 0; at < 4*32; at += 64 { // of the next tile of columns
		PREFETCHT1(Mem{Base: dst, Disp: 4*32 + at})
	}
	ADDQ(Imm(4), factor)
	ADDQ(U32(4*32), sums)
	LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
	DECQ(rows)
	JNZ(LabelRef("loop"))
	finish()
}
