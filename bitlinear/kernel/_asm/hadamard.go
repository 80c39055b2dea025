package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// hadamard writes the functions of the fast Walsh-Hadamard transform.
func (r registers) hadamard() {
	r.hadamard16()
	r.butterflies2()
	r.butterflies4()
}

// hadamard16 has the stages of distances 1, 2, 4 and 8 in registers. A stage within a register adds
// each lane's partner to the lane, whose sign is turned in the upper lane of a pair; a product with
// 1 or -1 is exact, so a fused multiply-add rounds as the sum does.
func (r registers) hadamard16() {
	TEXT("hadamard16x"+r.suffix, NOSPLIT, "func(n int, x *float32, f float32)")
	Doc("hadamard16x" + r.suffix + " replaces each 16 values of x by f times their transform, not normalised.")
	n, x, f, partner := param("n"), param("x"), r.splat("f"), r.one()
	signs := map[int]reg.VecVirtual{}
	for h := 1; h < 16/r.parts; h *= 2 {
		signs[h] = r.signs(h)
	}
	blocks(16, n, func(i reg.GPVirtual) {
		var v []reg.VecVirtual
		for part := range r.parts {
			v = append(v, r.one())
			VMULPS(slot{i, part, 16 / r.parts}.floats(x), f, v[part])
			for h := 1; h < 16/r.parts; h *= 2 {
				r.partners(h, v[part], partner)
				VFMADD213PS(partner, signs[h], v[part])
			}
		}
		if r.parts == 2 {
			r.butterfly(v[0], v[1], partner)
		}
		for part := range r.parts {
			VMOVUPS(v[part], slot{i, part, 16 / r.parts}.floats(x))
		}
	})
	finish()
}

// signs are 1 in the lower and -1 in the upper lanes of pairs that lie h apart.
func (r registers) signs(h int) reg.VecVirtual {
	m := GLOBL(fmt.Sprintf("hadamardSigns%d", h), RODATA|NOPTR)
	for i := range 16 / r.parts {
		sign := F32(1)
		if i&h != 0 {
			sign = -1
		}
		DATA(4*i, sign)
	}
	v := r.one()
	VMOVUPS(m, v)
	return v
}

// partners exchanges the lanes of v that lie h apart.
func (r registers) partners(h int, v, to reg.VecVirtual) {
	shuffle := U8(map[int]uint8{1: 0xb1, 2: 0x4e, 4: 0xb1, 8: 0x4e}[h])
	switch {
	case h < 4:
		VPERMILPS(shuffle, v, to)
	case r.parts == 2:
		VPERM2F128(U8(1), v, v, to)
	default:
		VSHUFF32X4(shuffle, v, v, to)
	}
}

// butterfly replaces a and b by their sum and difference.
func (r registers) butterfly(a, b, spare reg.VecVirtual) {
	VMOVAPS(a, spare)
	VADDPS(b, a, a)
	VSUBPS(b, spare, b)
}

func (r registers) butterflies2() {
	TEXT("butterflies2x"+r.suffix, NOSPLIT, "func(n int, x *float32, h int)")
	Doc("butterflies2x" + r.suffix + " is the stage of values h apart; h is a multiple of 16.")
	a, b, spare := r.one(), r.one(), r.one()
	r.stage(2, func(at func(quarter, part int) Mem, part int) {
		VMOVUPS(at(0, part), a)
		VMOVUPS(at(1, part), b)
		r.butterfly(a, b, spare)
		VMOVUPS(a, at(0, part))
		VMOVUPS(b, at(1, part))
	})
}

func (r registers) butterflies4() {
	TEXT("butterflies4x"+r.suffix, NOSPLIT, "func(n int, x *float32, h int)")
	Doc("butterflies4x" + r.suffix + " is the stages of values h and 2h apart; h is a multiple of 16.")
	v, spare := []reg.VecVirtual{r.one(), r.one(), r.one(), r.one()}, r.one()
	r.stage(4, func(at func(quarter, part int) Mem, part int) {
		for q := range v {
			VMOVUPS(at(q, part), v[q])
		}
		r.butterfly(v[0], v[1], spare)
		r.butterfly(v[2], v[3], spare)
		r.butterfly(v[0], v[2], spare)
		r.butterfly(v[1], v[3], spare)
		for q := range v {
			VMOVUPS(v[q], at(q, part))
		}
	})
}

// stage runs body on 16 values and those that lie h, 2h and so on behind them, count in all, for all
// of x; n is a multiple of count*h and not 0.
func (r registers) stage(count int, body func(at func(quarter, part int) Mem, part int)) {
	n, x, h := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("h"), GP64())
	SHLQ(Imm(2), n)
	SHLQ(Imm(2), h) // in bytes
	all, behind, rest := GP64(), GP64(), GP64()
	IMUL3Q(Imm(uint64(count)), h, all)
	IMUL3Q(Imm(uint64(count-1)), h, behind)
	at := func(quarter, part int) Mem {
		m := Mem{Base: x, Disp: 64 / r.parts * part}
		switch quarter {
		case 1, 2:
			m.Index, m.Scale = h, uint8(quarter)
		case 3:
			m.Index, m.Scale = behind, 1
		}
		return m
	}
	Label("groups")
	MOVQ(h, rest)
	Label("values")
	for part := range r.parts {
		body(at, part)
	}
	ADDQ(Imm(64), x)
	SUBQ(Imm(64), rest)
	JNZ(LabelRef("values"))
	ADDQ(behind, x)
	SUBQ(all, n)
	JNZ(LabelRef("groups"))
	finish()
}
