package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
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

// sumStore is a function that writes sums of a product, 32 columns, times the factors of their rows, to its result.
type sumStore struct {
	name, like string // like: the function in plain Go, without its Generic
	signature  string
	// load makes v of 16 sums and the factor f.
	load func(from Mem, f, v reg.VecVirtual)
	add  bool // to what is there
	// past the caches, for results that are not read soon: a store reads its line from memory first, this one does not.
	past bool
}

// storeSums is of sums in float32.
func (r registers) storeSums(name, like string, add, past bool) {
	r.sumStore(sumStore{name, like, "func(rows int, dst *float32, width int, sums, factor *float32)",
		func(from Mem, f, v reg.VecVirtual) { VMULPS(from, f, v) }, add, past})
}

func (r registers) sumStore(s sumStore) {
	TEXT(s.name+r.suffix, NOSPLIT, s.signature)
	doc := s.name + r.suffix + " is " + s.like + "Generic for 32 columns"
	if s.past {
		doc += "; rows of dst lie at multiples of 64 bytes"
	}
	Doc(doc + ".")
	rows, dst, width, sums, factor := param("rows"), param("dst"), param("width"), param("sums"), param("factor")
	f, v, bytes := r.one(), r.one(), 64/r.parts
	Label("loop")
	VBROADCASTSS(Mem{Base: factor}, f)
	for at := 0; at < 4*32; at += bytes {
		s.load(Mem{Base: sums, Disp: at}, f, v)
		if s.add {
			VADDPS(Mem{Base: dst, Disp: at}, v, v)
		}
		if s.past {
			VMOVNTPS(v, Mem{Base: dst, Disp: at})
		} else {
			VMOVUPS(v, Mem{Base: dst, Disp: at})
		}
	}
	for at := 0; at < 4*32 && !s.past; at += 64 { // of the next tile of columns
		PREFETCHT1(Mem{Base: dst, Disp: 4*32 + at})
	}
	ADDQ(Imm(4), factor)
	ADDQ(U32(4*32), sums)
	LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
	DECQ(rows)
	JNZ(LabelRef("loop"))
	if s.past {
		SFENCE()
	}
	finish()
}
