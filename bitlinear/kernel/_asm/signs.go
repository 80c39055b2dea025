package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const signsDoc = "w: a bit a weight, 32 columns of a row in four bytes: bit b of byte j is column 4b+j."

// signMask keeps the second bit of each byte: a sign that stands there is its code, 0 or 2.
func signMask() Mem { return constant("signMask", 0x02020202) }

// signs writes the codes of the columns 4b to 4b+3 of a line, four of a row in each lane.
func signs(b int, line, mask, codes reg.VecVirtual) {
	switch {
	case b == 0:
		VPADDB(line, line, codes)
	case b > 1:
		VPSRLW(U8(b-1), line, codes)
	}
	if b == 1 {
		VPANDD(mask, line, codes)
		return
	}
	VPANDD(mask, codes, codes)
}

// tileSigns is tileVNNI for weights of one bit. Each quad of columns is multiplied as soon as it is
// taken out, in one of two registers, so that the sums of many tokens have the others.
func tileSigns(tokens int) {
	name := fmt.Sprintf("signsTileVNNI%d", tokens)
	TEXT(name, NOSPLIT, "func(groups int, w *byte, x *int8, offset *int32, dst *int32, stride int)")
	Doc(fmt.Sprintf("%s computes 16 rows of %d tokens: for each group g of 32 columns,", name, tokens),
		"dst[t*stride+r] = offset[t] + sum over g and i of w[g][r][i]*x[g][i/4][t][i%4].", signsDoc)
	groups, w, x := param("groups"), param("w"), param("x")
	mask, line := ZMM(), ZMM()
	VPBROADCASTD(signMask(), mask)
	split := max(1, min(4, 8/tokens))
	offset := param("offset")
	sums := make([][]reg.VecVirtual, tokens)
	for t := range sums {
		sums[t] = splitSum(split, Mem{Base: offset, Disp: 4 * t})
	}
	codes := [2]reg.VecVirtual{ZMM(), ZMM()}
	Label("loop")
	VMOVDQU32(Mem{Base: w}, line)
	if tokens <= 8 {
		PREFETCHT0(Mem{Base: w, Disp: 3072})
	}
	for b := range 8 {
		signs(b, line, mask, codes[b%2])
		for t := range tokens {
			VPDPBUSD_BCST(Mem{Base: x, Disp: 4 * (b*tokens + t)}, codes[b%2], sums[t][b%split])
		}
	}
	ADDQ(Imm(64), w)
	ADDQ(U32(32*tokens), x)
	DECQ(groups)
	JNZ(LabelRef("loop"))
	store(sums)
	finish()
}

// splitSum is several sums that are one together; the first begins with a value.
func splitSum(parts int, begin Mem) (sums []reg.VecVirtual) {
	for i := range parts {
		s := ZMM()
		if i == 0 {
			VPBROADCASTD(begin, s)
		} else {
			VPXORD(s, s, s)
		}
		sums = append(sums, s)
	}
	return sums
}

// addScaled adds 16 sums of each token, rescaled, to what is there. Products and sums are rounded
// one by one, as in plain Go.
func (r registers) addScaled() {
	name := "addScaled" + r.suffix
	TEXT(name, NOSPLIT, "func(tokens int, dst *float32, width int, x *int32, stride int, factor *float32, scale *uint16)")
	Doc(name + " adds float32(x[t*stride+i])*factor[t]*scale[i] to dst[t*width+i] for i below 16, scale in half precision.")
	tokens, dst, width, x, stride := param("tokens"), param("dst"), param("width"), param("x"), param("stride")
	factor, scale := param("factor"), param("scale")
	bytes := 64 / r.parts
	scales := make([]reg.VecVirtual, r.parts)
	for i := range scales {
		scales[i] = r.one()
		VCVTPH2PS(Mem{Base: scale, Disp: i * bytes / 2}, scales[i])
	}
	f, v := r.one(), r.one()
	Label("loop")
	VBROADCASTSS(Mem{Base: factor}, f)
	for i, s := range scales {
		VCVTDQ2PS(Mem{Base: x, Disp: i * bytes}, v)
		VMULPS(f, v, v)
		VMULPS(s, v, v)
		VADDPS(Mem{Base: dst, Disp: i * bytes}, v, v)
		VMOVUPS(v, Mem{Base: dst, Disp: i * bytes})
	}
	ADDQ(Imm(4), factor)
	LEAQ(Mem{Base: x, Index: stride, Scale: 4}, x)
	LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
	DECQ(tokens)
	JNZ(LabelRef("loop"))
	finish()
}
