package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelCols is the number of columns of a panel, attention.PanelCols.
const panelCols = 32

// element is the type of the values of a panel. load converts a register full of them to float32.
type element struct {
	name, typ string
	bytes     int
	load      func(from Mem, to reg.VecVirtual)
}

var elements = []element{
	{"F32", "float32", 4, func(from Mem, to reg.VecVirtual) { VMOVUPS(from, to) }},
	{"F16", "uint16", 2, func(from Mem, to reg.VecVirtual) { VCVTPH2PS(from, to) }},
	{"Int8", "int8", 1, func(from Mem, to reg.VecVirtual) {
		VPMOVSXBD(from, to)
		VCVTDQ2PS(to, to)
	}},
}

// width describes registers of one width.
type width struct {
	name     string
	lanes    int
	sums     int // number of registers for sums, beside the registers for operands
	register func() reg.VecVirtual
}

// zero is a register of zeros.
func (w width) zero() reg.VecVirtual {
	v := w.register()
	if w.lanes == 16 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

var (
	wide512 = width{"AVX512", 16, 16, ZMM}
	wide256 = width{"AVX2", 8, 8, YMM}
)

// panelTile multiplies a few rows by a panel. Every lane is one column, so nothing is
// added across lanes, and an element of the panel is converted once for all rows.
func panelTile(e element, w width, rows int) {
	name := fmt.Sprintf("panel%s%sx%d", e.name, w.name, rows)
	TEXT(name, NOSPLIT, fmt.Sprintf("func(k int, a *float32, lda int, b *%s, dst *float32, ldc int)", e.typ))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*%d+j] for r < %d and j < %d, p in order.",
		name, panelCols, rows, panelCols))
	k, b := param("k"), param("b")
	a := newRowMemory(param("a"), param("lda"), rows)
	columns, sums := make([]reg.VecVirtual, panelCols/w.lanes), make([][]reg.VecVirtual, rows)
	for j := range columns {
		columns[j] = w.register()
	}
	for r := range sums {
		for range columns {
			sums[r] = append(sums[r], w.zero())
		}
	}
	x := w.register()
	Label("loop")
	if rows < 8 { // a few tokens: keys and values come from memory, and the processor does not fetch far enough ahead
		for at := 0; at < panelCols*e.bytes; at += 64 {
			PREFETCHT0(Mem{Base: b, Disp: 2048 + at})
		}
	}
	for j, c := range columns {
		e.load(Mem{Base: b, Disp: j * w.lanes * e.bytes}, c)
	}
	for r, sum := range sums {
		VBROADCASTSS(a.row(r), x)
		for j, c := range columns {
			VFMADD231PS(c, x, sum[j])
		}
	}
	a.advance(4)
	ADDQ(U32(panelCols*e.bytes), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	dst := newRowMemory(param("dst"), param("ldc"), rows)
	for r, sum := range sums {
		for j, s := range sum {
			to := dst.row(r)
			to.Disp = j * w.lanes * 4
			VMOVUPS(s, to)
		}
	}
	finish()
}

// rowMemory gives the addresses of up to eight rows of float32 values.
type rowMemory struct {
	bases            []reg.Register // of rows 0 and 4
	stride, stride3x reg.Register   // in bytes
}

func newRowMemory(first, stride reg.Register, rows int) *rowMemory {
	m := &rowMemory{bases: []reg.Register{first}, stride: stride}
	SHLQ(U8(2), stride)
	if rows > 3 {
		m.stride3x = GP64()
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, m.stride3x)
	}
	if rows > 4 {
		fifth := GP64()
		LEAQ(Mem{Base: first, Index: stride, Scale: 4}, fifth)
		m.bases = append(m.bases, fifth)
	}
	return m
}

func (m *rowMemory) row(r int) Mem {
	base := m.bases[r/4]
	switch r % 4 {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: m.stride3x, Scale: 1}
	}
	return Mem{Base: base, Index: m.stride, Scale: uint8(r % 4)}
}

// advance moves all rows on.
func (m *rowMemory) advance(bytes uint64) {
	for _, b := range m.bases {
		ADDQ(Imm(bytes), b)
	}
}

// attention writes the products of rows by panels of each element.
func (w width) attention() {
	for _, e := range elements {
		for rows := 1; rows*panelCols/w.lanes <= w.sums; rows *= 2 {
			panelTile(e, w, rows)
		}
	}
}
