package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// dead returns the code that makes of a ternary value 1 if it is 0, and 0 if it is not.
func (r registers) dead() func(v, to reg.VecVirtual) {
	one := r.word("float1", 0x3f800000)
	return func(v, to reg.VecVirtual) {
		VMOVAPS(one, to)
		VFNMADD231PS(v, v, to)
	}
}

func (r registers) deadSum() {
	TEXT("deadSum"+r.suffix, NOSPLIT, "func(n int, w *float32, inverse float32) float32")
	Doc("deadSum" + r.suffix + " is the sum of the w[i] whose ternary value is 0, with one sum for each of 16 lanes.")
	n, w, v, isDead, sum := param("n"), param("w"), r.one(), r.one(), r.zeros()
	ternary, dead := r.ternary(r.splat("inverse")), r.dead()
	r.loop(n, func(at slot) {
		ternary(at.floats(w), v)
		dead(v, isDead)
		VFMADD231PS(at.floats(w), isDead, sum[at.part])
	})
	Store(r.fold(sum, VADDPS), ReturnIndex(0))
	finish()
}

func (r registers) deadAdd() {
	TEXT("deadAdd"+r.suffix, NOSPLIT, "func(n int, dst, w *float32, inverse, a float32)")
	Doc("deadAdd" + r.suffix + " adds a to dst[i] where the ternary value of w[i] is 0.")
	n, dst, w, v, isDead := param("n"), param("dst"), param("w"), r.one(), r.one()
	a := r.splat("a")
	ternary, dead := r.ternary(r.splat("inverse")), r.dead()
	r.loop(n, func(at slot) {
		ternary(at.floats(w), v)
		dead(v, isDead)
		VMOVUPS(at.floats(dst), v)
		VFMADD231PS(isDead, a, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}
