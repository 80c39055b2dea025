package main

import (
	"fmt"
	"sync"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotTile multiplies four rows by a few tokens, with one sum of 16 lanes for each product as in
// dot512, so that the bits are the same.
func dotTile(tokens int) {
	const rows = 4
	name := fmt.Sprintf("dotTile512x%d", tokens)
	TEXT(name, NOSPLIT, "func(n int, w, x *float32, k int, y *float32, stride int)")
	Doc(fmt.Sprintf("%s writes y[t*stride+r] = sum over i < n of w[r*k+i]*x[t*k+i] for %d rows r and %d tokens t.",
		name, rows, tokens))
	n, k := param("n"), param("k")
	SHLQ(U8(2), k)
	w, x := lines(param("w"), k, rows), lines(param("x"), k, tokens)
	var sums [rows][]reg.VecVirtual
	for r := range sums {
		for range tokens {
			sums[r] = append(sums[r], zmm.zeros()...)
		}
	}
	row, in := [rows]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, ZMM()
	zmm.loop(n, func(at slot) {
		for r := range row {
			VMOVUPS(w(r, at.i), row[r])
		}
		for t := range tokens {
			VMOVUPS(x(t, at.i), in)
			for r := range row {
				VFMADD231PS(in, row[r], sums[r][t])
			}
		}
	})
	y, stride := param("y"), param("stride")
	SHLQ(U8(2), stride)
	for t := range tokens {
		for r := range sums {
			VMOVSS(zmm.fold(sums[r][t:t+1], VADDPS), Mem{Base: y, Disp: 4 * r})
		}
		ADDQ(stride, y)
	}
	finish()
}

// lines addresses lines of floats, size bytes apart, from a base on.
func lines(base, size reg.Register, count int) func(line int, i reg.Register) Mem {
	bases := []reg.Register{base}
	for len(bases) < count {
		next := GP64()
		MOVQ(bases[len(bases)-1], next)
		ADDQ(size, next)
		bases = append(bases, next)
	}
	return func(line int, i reg.Register) Mem { return floats(bases[line], i) }
}

// The bytes of a Q6_K block: 128 of low nibbles, 64 of high pairs, 16 scales, and the
// scale of those in half precision.
const (
	q6kHigh, q6kScales, q6kScale, q6kBytes = 128, 192, 208, 210
	q6kValues                              = 256
)

// dotQ6K turns codes into floats without converting integers: a code of 0 to 63 in the third byte
// of 128.0 is 128 + code. That times the scale, minus 160 times the scale, in one rounding, is the
// exact weight, since 18 bits of the scale and 5 of the code fit a float. Two rows are taken
// together, since a single row would wait for its own sum.
func dotQ6K() {
	TEXT("dotQ6KVBMI", NOSPLIT, "func(blocks int, w *byte, rowBytes int, x, y *float32)")
	Doc("dotQ6KVBMI writes y[r] = sum over i of w[r][i]*x[i] for two rows of Q6_K blocks, rowBytes apart,",
		"with one sum for each of 16 lanes.")
	blocks, w, second, x := param("blocks"), param("w"), param("rowBytes"), param("x")
	ADDQ(w, second)
	scales, offsets := [2]Mem{AllocLocal(64), AllocLocal(64)}, [2]Mem{AllocLocal(64), AllocLocal(64)}
	unpack, toThird := q6kUnpack(), q6kThird()
	minus160 := ZMM()
	VPBROADCASTD(broadcast("minus160", 0xc3200000), minus160)
	sums := [2]reg.VecVirtual{ZMM(), ZMM()}
	for _, s := range sums {
		VPXORD(s, s, s)
	}
	in, weight := ZMM(), ZMM()
	Label("loop")
	var codes [2][4]reg.VecVirtual
	for r, row := range []reg.Register{w, second} {
		for i := 0; i < 256; i += 64 {
			PREFETCHT0(Mem{Base: row, Disp: 2048 + i})
		}
		codes[r] = unpack(row)
		scale := ZMM()
		q6kScaleFloats(row, scale)
		VMOVUPS(scale, scales[r])
		VMULPS(minus160, scale, scale)
		VMOVUPS(scale, offsets[r])
		ADDQ(U32(q6kBytes), row)
	}
	for g := range 16 {
		VMOVUPS(Mem{Base: x, Disp: 64 * g}, in)
		for r := range codes {
			value := toThird(codes[r][g/4], g%4)
			VBROADCASTSS(offsets[r].Offset(4*g), weight)
			VFMADD231PS_BCST(scales[r].Offset(4*g), value, weight)
			VFMADD231PS(in, weight, sums[r])
		}
	}
	ADDQ(U32(4*q6kValues), x)
	DECQ(blocks)
	JNZ(LabelRef("loop"))
	y := param("y")
	for r, s := range sums {
		VMOVSS(zmm.fold([]reg.VecVirtual{s}, VADDPS), Mem{Base: y, Disp: 4 * r})
	}
	finish()
}

// q6kUnpack returns the code that makes the 256 codes of a block, 0 to 63 each, in order.
func q6kUnpack() func(block reg.Register) [4]reg.VecVirtual {
	const keepOr = 0xf8 // of VPTERNLOG: a | b&c
	nibbles, pairs, shifts := ZMM(), ZMM(), ZMM()
	VPBROADCASTD(nibbleMask(), nibbles)
	VPBROADCASTD(pairMask(), pairs)
	// The pairs of the codes 32 to 63 of each 128 are above the pairs of the first 32.
	VMOVDQU32(words("pairShifts", func(i int) uint32 { return uint32(i / 8 * 2) }), shifts)
	return func(block reg.Register) [4]reg.VecVirtual {
		codes := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
		high, other := ZMM(), ZMM()
		for n := range 2 {
			low, upper := codes[2*n], codes[2*n+1]
			VMOVDQU32(Mem{Base: block, Disp: 64 * n}, upper)
			VBROADCASTI64X4(Mem{Base: block, Disp: q6kHigh + 32*n}, high)
			VPSRLVD(shifts, high, high)
			VPSLLD(U8(4), high, other)
			VPANDD(nibbles, upper, low)
			VPTERNLOGD(U8(keepOr), pairs, other, low)
			VPSRLD(U8(4), upper, upper)
			VPANDD(nibbles, upper, upper)
			VPTERNLOGD(U8(keepOr), pairs, high, upper)
		}
		return codes
	}
}

// q6kThird returns the code that puts 16 of 64 bytes into the third byte of 128.0. It takes
// one of a few registers in turn, whose other bytes stay.
func q6kThird() func(codes reg.VecVirtual, quarter int) reg.VecVirtual {
	third, mask := K(), GP64()
	MOVQ(U64(0x4444444444444444), mask)
	KMOVQ(mask, third)
	var from, values [4]reg.VecVirtual
	for q := range from {
		from[q], values[q] = ZMM(), ZMM()
		VMOVDQU32(words(fmt.Sprintf("thirdBytes%d", q), func(i int) uint32 { return uint32(16*q+i) << 16 }), from[q])
		VPBROADCASTD(one128(), values[q])
	}
	next := 0
	return func(codes reg.VecVirtual, quarter int) reg.VecVirtual {
		v := values[next%len(values)]
		next++
		VPERMB(codes, from[quarter], third, v)
		return v
	}
}

var (
	pairMask = sync.OnceValue(func() Mem { return broadcast("pairMask", 0x30303030) })
	one128   = sync.OnceValue(func() Mem { return broadcast("float128", 0x43000000) })
)

var tables = map[string]Mem{}

// words is a read-only constant of 16 words, the size of a register, for one or several functions.
func words(name string, word func(i int) uint32) Mem {
	if m, ok := tables[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(word(i)))
	}
	tables[name] = m
	return m
}

// q6kScaleFloats makes the 16 scales of a block, times the scale of those.
func q6kScaleFloats(block reg.Register, scales reg.VecVirtual) {
	half, all := YMM(), ZMM()
	VPBROADCASTW(Mem{Base: block, Disp: q6kScale}, half)
	VCVTPH2PS(half, all)
	VPMOVSXBD(Mem{Base: block, Disp: q6kScales}, scales)
	VCVTDQ2PS(scales, scales)
	VMULPS(all, scales, scales)
}

// The conversions are in AVX2 only: their speed is limited by the stores.

func floatsBF16() {
	TEXT("floatsBF16AVX2", NOSPLIT, "func(n int, dst *float32, src *byte)")
	Doc("floatsBF16AVX2 writes the values of n bfloat16 numbers; n is a multiple of 16.")
	n, dst, src, v := param("n"), param("dst"), param("src"), YMM()
	ymm.loop(n, func(at slot) {
		VPMOVZXWD(at.memory(src, 2), v)
		VPSLLD(U8(16), v, v)
		VMOVUPS(v, at.floats(dst))
	})
	finish()
}

func floatsQ80() {
	TEXT("floatsQ80AVX2", NOSPLIT, "func(blocks int, dst *float32, src *byte)")
	Doc("floatsQ80AVX2 writes the values of Q8_0 blocks: 32 bytes each, times a scale in half precision before them.")
	blocks, dst, src := param("blocks"), param("dst"), param("src")
	half, scale, v := XMM(), YMM(), YMM()
	Label("loop")
	VPBROADCASTW(Mem{Base: src}, half)
	VCVTPH2PS(half, scale)
	for at := 0; at < 32; at += 8 {
		bytesToFloats(Mem{Base: src, Disp: 2 + at}, scale, v)
		VMOVUPS(v, Mem{Base: dst, Disp: 4 * at})
	}
	ADDQ(U32(34), src)
	ADDQ(U32(4*32), dst)
	DECQ(blocks)
	JNZ(LabelRef("loop"))
	finish()
}

// bytesToFloats makes floats of eight signed bytes, times a scale.
func bytesToFloats(from Mem, scale, v reg.VecVirtual) {
	VPMOVSXBD(from, v)
	VCVTDQ2PS(v, v)
	VMULPS(scale, v, v)
}

func floatsQ6K() {
	TEXT("floatsQ6KAVX2", NOSPLIT, "func(blocks int, dst *float32, src *byte)")
	Doc("floatsQ6KAVX2 writes the values of Q6_K blocks.")
	blocks, dst, src := param("blocks"), param("dst"), param("src")
	codes, scales := AllocLocal(q6kValues), AllocLocal(64)
	nibbles, pairs, middle := YMM(), YMM(), YMM()
	VPBROADCASTD(nibbleMask(), nibbles)
	VPBROADCASTD(pairMask(), pairs)
	VPBROADCASTD(broadcast("byte32", 0x20202020), middle)
	half, all, scale, v := XMM(), YMM(), YMM(), YMM()
	Label("loop")
	VPBROADCASTW(Mem{Base: src, Disp: q6kScale}, half)
	VCVTPH2PS(half, all)
	for i := 0; i < 16; i += 8 {
		bytesToFloats(Mem{Base: src, Disp: q6kScales + i}, all, v)
		VMOVUPS(v, scales.Offset(4*i))
	}
	q6kCodes(src, codes, nibbles, pairs, middle)
	for g := range 16 {
		VBROADCASTSS(scales.Offset(4*g), scale)
		for at := 16 * g; at < 16*g+16; at += 8 {
			bytesToFloats(codes.Offset(at), scale, v)
			VMOVUPS(v, Mem{Base: dst, Disp: 4 * at})
		}
	}
	ADDQ(U32(q6kBytes), src)
	ADDQ(U32(4*q6kValues), dst)
	DECQ(blocks)
	JNZ(LabelRef("loop"))
	finish()
}

// q6kCodes writes the 256 codes of the block at src, less 32, to codes.
func q6kCodes(src reg.Register, codes Mem, nibbles, pairs, middle reg.VecVirtual) {
	low, high, code := YMM(), YMM(), YMM()
	for n := range 2 {
		for part := range 4 {
			VMOVDQU(Mem{Base: src, Disp: 64*n + 32*(part%2)}, low)
			VMOVDQU(Mem{Base: src, Disp: q6kHigh + 32*n}, high)
			if part >= 2 {
				VPSRLW(U8(4), low, low)
			}
			switch part {
			case 0, 1:
				VPSLLW(U8(4-2*part), high, high)
			case 3:
				VPSRLW(U8(2), high, high)
			}
			VPAND(nibbles, low, low)
			VPAND(pairs, high, high)
			VPOR(low, high, code)
			VPSUBB(middle, code, code)
			VMOVDQU(code, codes.Offset(128*n+32*part))
		}
	}
}
