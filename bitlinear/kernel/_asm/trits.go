package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// times3 replaces the bytes of q by three times themselves, modulo 256.
func times3(q, spare reg.VecVirtual) {
	VPADDB(q, q, spare)
	VPADDB(spare, q, q)
}

// tritsQuad multiplies four neighbouring blocks of 16 rows by one token without taking the digits
// out of a byte. With q[0] the byte and q[i+1] = 3q[i] mod 256, digit i is
// (3q[i] - q[i+1])/256, so the sum of digit times activation is (3A - B)/256 with
// A = sum of q[i]x[i] and B = sum of q[i+1]x[i]: two products and two additions for 64
// weights, where taking digits out would be seven instructions.
func tritsQuad() {
	TEXT("tritsQuadVNNI", NOSPLIT, "func(columns int, w *byte, x *int8, offset *int32, dst *int32, size int)")
	Doc("tritsQuadVNNI computes four blocks of 16 rows, size bytes apart, of one token: for each",
		"group g of 20 columns, dst[r] = offset + sum over g, i and j of digit(w[g][r][j], i)*x[g][i][j].")
	columns, w, x, size := param("columns"), param("w"), param("x"), param("size")
	streams := quadStreams(w, size)
	var a, b [4]reg.VecVirtual
	for s := range streams {
		a[s], b[s] = ZMM(), ZMM()
		VPXORD(a[s], a[s], a[s])
		VPXORD(b[s], b[s], b[s])
	}
	in := [5]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM(), ZMM()}
	Label("loop")
	for i, v := range in {
		VPBROADCASTD(Mem{Base: x, Disp: 4 * i}, v)
	}
	q, spare := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	for s, from := range streams {
		VMOVDQU32(Mem{Base: from}, q[s])
		PREFETCHT1(Mem{Base: from, Index: size, Scale: 4})
		ADDQ(U32(64), from)
	}
	for _, v := range in {
		for s := range streams {
			VPDPBUSD(v, q[s], a[s])
			times3(q[s], spare[s])
		}
		for s := range streams {
			VPDPBUSD(v, q[s], b[s])
		}
	}
	ADDQ(Imm(20), x)
	SUBQ(Imm(20), columns)
	JNZ(LabelRef("loop"))
	dst, offset := param("dst"), ZMM()
	VPBROADCASTD(Mem{Base: param("offset")}, offset)
	for s := range streams {
		tritsSum(a[s], b[s], spare[s])
		VPADDD(offset, a[s], a[s])
		VMOVDQU32(a[s], Mem{Base: dst, Disp: 64 * s})
	}
	finish()
}

// tritsTile is tritsQuad for one block and a few tokens.
func tritsTile(tokens int) {
	tritsHeader(tokens)
	groups, w, x, sums := tileStart(tokens, 2)
	q, spare := ZMM(), ZMM()
	Label("loop")
	VMOVDQU32(Mem{Base: w}, q)
	PREFETCHT0(Mem{Base: w, Disp: 3072})
	for i := range 5 {
		for t := range tokens {
			VPDPBUSD_BCST(Mem{Base: x, Disp: 4 * (i*tokens + t)}, q, sums[t][0])
		}
		times3(q, spare)
		for t := range tokens {
			VPDPBUSD_BCST(Mem{Base: x, Disp: 4 * (i*tokens + t)}, q, sums[t][1])
		}
	}
	tileNext(groups, w, x, 64, 20*tokens)
	offset := param("offset")
	for t, s := range sums {
		tritsSum(s[0], s[1], spare)
		VPADDD_BCST(Mem{Base: offset, Disp: 4 * t}, s[0], s[0])
		sums[t] = s[:1]
	}
	store(sums)
	finish()
}

// tritsDigits is for more tokens than tritsTile is worth while for: it takes the digits out. They
// stay in the two high bits, 64 times as large: 32768 columns times 128 times 127 are below 2^30.
func tritsDigits(tokens int) {
	tritsHeader(tokens)
	groups, w, x, sums := tileStart(tokens, 1)
	takeOut := digits(zmm)
	mask, q, spare, digit := ZMM(), ZMM(), ZMM(), ZMM()
	VPBROADCASTD(constant("highMask", 0xc0c0c0c0), mask)
	Label("loop")
	VMOVDQU32(Mem{Base: w}, q)
	PREFETCHT0(Mem{Base: w, Disp: 3072})
	for i := range 5 {
		if i > 0 {
			times3(q, spare)
		}
		takeOut(q, spare, digit)
		VPANDD(mask, digit, digit)
		for t := range tokens {
			VPDPBUSD_BCST(Mem{Base: x, Disp: 4 * (i*tokens + t)}, digit, sums[t][0])
		}
	}
	tileNext(groups, w, x, 64, 20*tokens)
	offset := param("offset")
	for t, s := range sums {
		VPSRAD(U8(6), s[0], s[0])
		VPADDD_BCST(Mem{Base: offset, Disp: 4 * t}, s[0], s[0])
	}
	store(sums)
	finish()
}

func tritsHeader(tokens int) {
	name := fmt.Sprintf("tritsTileVNNI%d", tokens)
	TEXT(name, NOSPLIT, "func(groups int, w *byte, x *int8, offset *int32, dst *int32, stride int)")
	Doc(fmt.Sprintf("%s computes 16 rows of %d tokens: for each group g of 20 columns,", name, tokens),
		"dst[t*stride+r] = offset[t] + sum over g, i and j of digit(w[g][r][j], i)*x[g][i][t][j].")
}

// tileStart loads the arguments of a tile and clears some sums of each token.
func tileStart(tokens, split int) (groups, w, x reg.Register, sums [][]reg.VecVirtual) {
	groups, w, x = param("groups"), param("w"), param("x")
	sums = make([][]reg.VecVirtual, tokens)
	for t := range sums {
		for range split {
			s := ZMM()
			VPXORD(s, s, s)
			sums[t] = append(sums[t], s)
		}
	}
	return groups, w, x, sums
}

// tileNext goes to the next group, the loop of a tile.
func tileNext(groups, w, x reg.Register, weightBytes, activationBytes int) {
	ADDQ(U32(weightBytes), w)
	ADDQ(U32(activationBytes), x)
	DECQ(groups)
	JNZ(LabelRef("loop"))
}

// tritsSum makes (3a - b)/256 of a.
func tritsSum(a, b, spare reg.VecVirtual) {
	VPADDD(a, a, spare)
	VPADDD(spare, a, a)
	VPSUBD(b, a, a)
	VPSRAD(U8(8), a, a)
}

// digits returns the code that puts the first digit of q into the two high bits of each
// byte of digit. It is the two high bits of 3q/4, which is the mean of q and q/2; both
// means are rounded up, so one is taken off q first.
func digits(r registers) func(q, spare, digit reg.VecVirtual) {
	zero, one := r.zeros()[0], r.word("byteOnes", 0x01010101)
	return func(q, spare, digit reg.VecVirtual) {
		VPSUBUSB(one, q, spare)
		VPAVGB(zero, spare, digit)
		VPAVGB(digit, spare, digit)
	}
}

// tritsWiden takes all digits out and packs them as 2-bit codes.
func (r registers) tritsWiden() {
	TEXT("tritsWiden"+r.suffix, NOSPLIT, "func(groups int, w, dst *byte)")
	Doc("tritsWiden"+r.suffix+" turns groups of 20 columns, five digits a byte, into groups of 16 columns of",
		"2-bit codes. The number of groups is a multiple of 4.")
	groups, w, dst := param("groups"), param("w"), param("dst")
	takeOut := digits(r)
	var masks [4]reg.VecVirtual
	for i := range masks {
		masks[i] = r.word("codeMask"+string(rune('0'+2*i)), 0x03030303<<(2*i))
	}
	q, spare, digit, codes := r.one(), r.one(), r.one(), r.one()
	Label("loop")
	for part := range r.parts {
		for i := range 20 {
			if i%5 == 0 {
				VMOVUPS(Mem{Base: w, Disp: 64*(i/5) + 32*part}, q)
			} else {
				times3(q, spare)
			}
			takeOut(q, spare, digit)
			at := i % 4
			if at < 3 {
				VPSRLW(U8(6-2*at), digit, digit)
			}
			if at == 0 {
				VANDPS(masks[at], digit, codes)
				continue
			}
			r.keepOr(masks[at], digit, codes)
			if at == 3 {
				VMOVUPS(codes, Mem{Base: dst, Disp: 64*(i/4) + 32*part})
			}
		}
	}
	ADDQ(U32(256), w)
	ADDQ(U32(320), dst)
	SUBQ(Imm(4), groups)
	JNZ(LabelRef("loop"))
	finish()
}

// keepOr sets the bits in to that are set in both v and mask.
func (r registers) keepOr(mask, v, to reg.VecVirtual) {
	const aOrBAndC = 0xf8 // of VPTERNLOG
	if r.parts == 1 {
		VPTERNLOGD(U8(aOrBAndC), mask, v, to)
		return
	}
	VPAND(mask, v, v)
	VPOR(v, to, to)
}
