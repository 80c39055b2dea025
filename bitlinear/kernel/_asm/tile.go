package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// weights is a kind of packed weights, with the code that loads 16 rows and 16 columns of them:
// w[g] gets the bytes of the columns 4g to 4g+3, four of a row in each lane. bytes is the number
// of bytes that it reads.
type weights struct {
	bytes   int
	doc     string
	prepare func() func(w [4]reg.VecVirtual, from reg.GPVirtual)
}

const (
	ternaryDoc = "2-bit codes, 16 columns of a row in four bytes: byte j holds columns j, 4+j, 8+j and 12+j " +
		"from its low bits up"
	int4Doc = "4-bit codes, 8 columns of a row in four bytes: byte j holds columns j and 4+j from its low bits up"
	int8Doc = "bytes, 128 more than the weights, four columns of a row in each lane"
)

var ternaryWeights = weights{64, ternaryDoc, func() func([4]reg.VecVirtual, reg.GPVirtual) {
	mask := ZMM()
	VPBROADCASTD(codeMask(), mask)
	return func(w [4]reg.VecVirtual, from reg.GPVirtual) {
		VMOVDQU32(Mem{Base: from}, w[3])
		VPANDD(mask, w[3], w[0])
		VPSRLW(U8(2), w[3], w[1])
		VPANDD(mask, w[1], w[1])
		VPSRLW(U8(4), w[3], w[2])
		VPANDD(mask, w[2], w[2])
		VPSRLW(U8(6), w[3], w[3])
		VPANDD(mask, w[3], w[3])
	}
}}

var int8Weights = weights{256, int8Doc, func() func([4]reg.VecVirtual, reg.GPVirtual) {
	return func(w [4]reg.VecVirtual, from reg.GPVirtual) {
		for g := range w {
			VMOVDQU32(Mem{Base: from, Disp: 64 * g}, w[g])
		}
	}
}}

var int4Weights = weights{128, int4Doc, func() func([4]reg.VecVirtual, reg.GPVirtual) {
	mask := ZMM()
	VPBROADCASTD(nibbleMask(), mask)
	return func(w [4]reg.VecVirtual, from reg.GPVirtual) {
		for g := 0; g < 4; g += 2 {
			VMOVDQU32(Mem{Base: from, Disp: 32 * g}, w[g+1])
			VPANDD(mask, w[g+1], w[g])
			VPSRLW(U8(4), w[g+1], w[g+1])
			VPANDD(mask, w[g+1], w[g+1])
		}
	}
}}

func nibbleMask() Mem { return constant("nibbleMask", 0x0f0f0f0f) }

// codeMask keeps the lowest code of two bits of each byte.
func codeMask() Mem { return constant("codeMask", 0x03030303) }

// tileVNNI multiplies 16 rows of weights by a few tokens with VPDPBUSD. Each lane of a
// sum is one row, so nothing is added across lanes, and an activation of four bytes is
// broadcast by the instruction itself. Few tokens get several sums each, since a sum is
// ready only four cycles later.
func tileVNNI(name string, tokens int, kind weights) {
	TEXT(fmt.Sprintf("%s%d", name, tokens), NOSPLIT,
		"func(groups int, w *byte, x *int8, offset *int32, dst *int32, stride int)")
	Doc(fmt.Sprintf("%s%d computes 16 rows of %d tokens: for each group g of 16 columns,", name, tokens, tokens),
		"dst[t*stride+r] = offset[t] + sum over g and i of w[g][r][i]*x[g][i/4][t][i%4].",
		"w: "+kind.doc+".")
	groups, w, x := Load(Param("groups"), GP64()), Load(Param("w"), GP64()), Load(Param("x"), GP64())
	load := kind.prepare()
	split := max(1, min(4, 8/tokens))
	sums := make([][]reg.VecVirtual, tokens)
	offset := Load(Param("offset"), GP64())
	for t := range sums {
		for i := range split {
			s := ZMM()
			sums[t] = append(sums[t], s)
			if i == 0 {
				VPBROADCASTD(Mem{Base: offset, Disp: 4 * t}, s)
			} else {
				VPXORD(s, s, s)
			}
		}
	}
	at := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	Label("loop")
	load(at, w.(reg.GPVirtual))
	if tokens <= 8 {
		for i := 0; i < kind.bytes; i += 64 {
			PREFETCHT0(Mem{Base: w, Disp: 3072 + i})
		}
	}
	for g := range at {
		for t := range tokens {
			VPDPBUSD_BCST(Mem{Base: x, Disp: 4 * (g*tokens + t)}, at[g], sums[t][g%split])
		}
	}
	ADDQ(U32(kind.bytes), w)
	ADDQ(U32(16*tokens), x)
	DECQ(groups)
	JNZ(LabelRef("loop"))
	store(sums)
	VZEROUPPER()
	RET()
}

// tileQuad multiplies four neighbouring blocks of 16 rows by one or two tokens: four streams of
// weights are read faster than one. Meanwhile it prefetches the next four blocks to the
// second-level cache: rows are too short to prefetch within a stream.
func tileQuad(name string, tokens int, kind weights) {
	TEXT(name, NOSPLIT, "func(columns int, w *byte, x *int8, offset *int32, dst *int32, size int)")
	Doc(fmt.Sprintf("%s is a tile of %d tokens and of four blocks, size bytes apart;", name, tokens),
		"the 64 rows of a token are written one after the other, then those of the next.")
	columns, w, x, offset, size := param("columns"), param("w"), param("x"), param("offset"), param("size")
	streams := quadStreams(w, size)
	load := kind.prepare()
	split := 4 / tokens
	var sums [4][2][]reg.VecVirtual // of a block, a token
	for b := range sums {
		for t := range tokens {
			for range split {
				s := ZMM()
				VPXORD(s, s, s)
				sums[b][t] = append(sums[b][t], s)
			}
			VPBROADCASTD(Mem{Base: offset, Disp: 4 * t}, sums[b][t][0])
		}
	}
	at := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	Label("loop")
	for b, from := range streams {
		load(at, from.(reg.GPVirtual))
		for i := 0; i < kind.bytes; i += 64 {
			PREFETCHT1(Mem{Base: from, Index: size, Scale: 4, Disp: i})
		}
		for g := range at {
			for t := range tokens {
				VPDPBUSD_BCST(Mem{Base: x, Disp: 4 * (g*tokens + t)}, at[g], sums[b][t][g%split])
			}
		}
		ADDQ(U32(kind.bytes), from)
	}
	ADDQ(Imm(uint64(16*tokens)), x)
	SUBQ(Imm(16), columns)
	JNZ(LabelRef("loop"))
	dst := Load(Param("dst"), GP64())
	for b := range sums {
		for t, s := range sums[b][:tokens] {
			for _, part := range s[1:] {
				VPADDD(part, s[0], s[0])
			}
			VMOVDQU32(s[0], Mem{Base: dst, Disp: 256*t + 64*b})
		}
	}
	finish()
}

// quadStreams are the addresses of four blocks, the first at w, size bytes apart.
func quadStreams(w, size reg.Register) []reg.Register {
	streams := []reg.Register{w}
	for range 3 {
		next := GP64()
		MOVQ(streams[len(streams)-1], next)
		ADDQ(size, next)
		streams = append(streams, next)
	}
	return streams
}

// store adds up the sums of each token and writes them.
func store(sums [][]reg.VecVirtual) {
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())
	SHLQ(U8(2), stride)
	for _, s := range sums {
		for i := 1; i < len(s); i++ {
			VPADDD(s[i], s[0], s[0])
		}
		VMOVDQU32(s[0], Mem{Base: dst})
		ADDQ(stride, dst)
	}
}
