package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// normSums reads a row once for both sums of a norm's gradient.
func (r registers) normSums() {
	TEXT("normSums"+r.suffix, NOSPLIT, "func(n int, dw, grad, x, w *float32, inverse float32) float32")
	Doc("normSums" + r.suffix + " is normSumsGeneric, with two sums for each of 16 lanes.")
	n, dw, grad, x, w, inverse := param("n"), param("dw"), param("grad"), param("x"), param("w"), r.splat("inverse")
	v, sum := r.one(), append(r.zeros(), r.zeros()...)
	r.inTurn(n, sum, func(at slot, sum reg.VecVirtual) {
		at.fetch(grad, x)
		VMULPS(at.floats(grad), inverse, v)
		VMULPS(at.floats(x), v, v)
		VFMADD231PS(at.floats(w), v, sum)
		VADDPS(at.floats(dw), v, v)
		VMOVUPS(v, at.floats(dw))
	})
	Store(r.fold(r.meet(sum, VADDPS), VADDPS), ReturnIndex(0))
	finish()
}

// normGrad writes the gradient of a norm's input, or adds it.
func (r registers) normGrad(name string, add bool) {
	TEXT(name+r.suffix, NOSPLIT, "func(n int, dst, grad, x, w *float32, inverse, f float32)")
	Doc(name + r.suffix + " is " + name + "Generic, with x[i]*f and the difference rounded once.")
	n, dst, grad, x, w := param("n"), param("dst"), param("grad"), param("x"), param("w")
	inverse, f, v := r.splat("inverse"), r.splat("f"), r.one()
	r.loop(n, func(at slot) {
		VMULPS(at.floats(grad), inverse, v)
		VMULPS(at.floats(w), v, v)
		VFNMADD231PS(at.floats(x), f, v)
		if add {
			VADDPS(at.floats(dst), v, v)
		}
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func (r registers) sum() {
	TEXT("add"+r.suffix, NOSPLIT, "func(n int, dst, x, y *float32)")
	Doc("add" + r.suffix + " writes dst[i] = x[i]+y[i].")
	n, dst, x, y, v := param("n"), param("dst"), param("x"), param("y"), r.one()
	r.loop(n, func(at slot) {
		at.fetch(dst, x)
		VMOVUPS(at.floats(x), v)
		VADDPS(at.floats(y), v, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}
