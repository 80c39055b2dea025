package main

import (
	"fmt"
	"sync"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// codesYMM unpacks packed weights: of 8 rows, half of a line of 64 bytes, and four columns
// at a time.
type codesYMM struct {
	name  string
	lines int // of a group of 16 columns
	// prepare returns the code that unpacks the columns 4g to 4g+3 of a group; raw is a
	// register that it may keep from one g to the next. The result is what a dotYMM takes.
	prepare func() func(group Mem, g int, raw reg.VecVirtual) []reg.VecVirtual
}

var (
	ternaryYMM = packedYMM("ternary", 2, "codeMask", 0x03030303)
	int4YMM    = packedYMM("int4", 4, "nibbleMask", 0x0f0f0f0f)
)

// packedYMM is codes of a number of bits; the mask keeps the lowest of each byte.
func packedYMM(name string, bits int, maskName string, mask uint32) codesYMM {
	perLine := 8 / bits
	return codesYMM{name, 4 / perLine, func() func(Mem, int, reg.VecVirtual) []reg.VecVirtual {
		mask := ymm.word(maskName, mask)
		return func(group Mem, g int, raw reg.VecVirtual) []reg.VecVirtual {
			code := YMM()
			if g%perLine == 0 {
				VMOVDQU(group.Offset(64*(g/perLine)), raw)
			} else {
				VPSRLW(U8(bits), raw, raw)
			}
			VPAND(mask, raw, code)
			return []reg.VecVirtual{code}
		}
	}}
}

var int8YMM = codesYMM{"int8", 4, func() func(Mem, int, reg.VecVirtual) []reg.VecVirtual {
	return func(group Mem, g int, _ reg.VecVirtual) []reg.VecVirtual {
		code := YMM()
		VMOVDQU(group.Offset(64*g), code)
		return []reg.VecVirtual{code}
	}
}}

// int8WordsYMM gives two registers of words: the even and the odd columns.
var int8WordsYMM = codesYMM{"int8", 4, func() func(Mem, int, reg.VecVirtual) []reg.VecVirtual {
	mask := ymm.word("evenBytes", 0x00ff00ff)
	return func(group Mem, g int, _ reg.VecVirtual) []reg.VecVirtual {
		even, odd := YMM(), YMM()
		VMOVDQU(group.Offset(64*g), odd)
		VPAND(mask, odd, even)
		VPSRLW(U8(8), odd, odd)
		return []reg.VecVirtual{even, odd}
	}
}}

// wordOnes fills a register.
var wordOnes = sync.OnceValue(func() Mem {
	m := GLOBL("wordOnes", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(0x00010001))
	}
	return m
})

func broadcastYMM(word Mem) reg.VecVirtual {
	v := YMM()
	VPBROADCASTD(word, v)
	return v
}

// dotYMM multiplies unpacked weights by activations. The sum of a token is split over
// some registers, for each of one or two halves of a block: [split][halves].
type dotYMM struct {
	suffix string
	groups int // are added up in registers before total
	// latency is the number of registers that the sum of one token is split over, so that no
	// addition waits for another.
	latency int
	// add adds the products of the codes of each half with the activations of step g.
	add func(g int, x Mem, codes [][]reg.VecVirtual, split [][]reg.VecVirtual)
	// total leaves the sum, in lanes of 32 bits, in split[0].
	total func(split [][]reg.VecVirtual)
}

// manyGroups are added up if nothing can overflow: then adding to memory takes hardly any time.
const manyGroups = 64

// dotVNNI is VPDPBUSD: four products at once.
var dotVNNI = dotYMM{"AVXVNNI", manyGroups, 4, func(g int, x Mem, codes, split [][]reg.VecVirtual) {
	in := broadcastYMM(x)
	for h, sum := range split[g%len(split)] {
		VPDPBUSD(in, codes[h][0], sum)
	}
}, addUp}

// addUp adds all to split[0].
func addUp(split [][]reg.VecVirtual) {
	for _, part := range split[1:] {
		for h, sum := range split[0] {
			VPADDD(part[h], sum, sum)
		}
	}
}

// dotPairs is VPMADDUBSW, two products in 16 bits, whose sums stay in 16 bits for some
// groups. With codes up to c a pair is from -256c to 254c, and a group adds four pairs to
// each lane: 16 groups of ternary codes are from -2*256*64 = -2^15 to 32512, two groups of
// 4-bit codes from -15*256*8 = -30720 to 30480.
func dotPairs(groups int) dotYMM {
	return dotYMM{"AVX2", groups, 1, func(_ int, x Mem, codes, split [][]reg.VecVirtual) {
		in := broadcastYMM(x)
		for h, sum := range split[0] {
			pairs := in
			if h < len(codes)-1 {
				pairs = YMM()
			}
			VPMADDUBSW(in, codes[h][0], pairs)
			VPADDW(pairs, sum, sum)
		}
	}, func(split [][]reg.VecVirtual) {
		for _, sum := range split[0] {
			VPMADDWD(wordOnes(), sum, sum)
		}
	}}
}

// dotWords is VPMADDWD on bytes widened to 16 bits, since pairs of products of bytes take
// 17: even and odd columns apart, so that a lane stays a row.
var dotWords = dotYMM{"AVX2", manyGroups, 1, func(_ int, x Mem, codes, split [][]reg.VecVirtual) {
	odd, even, pairs := broadcastYMM(x), YMM(), YMM()
	VPSLLW(U8(8), odd, even)
	VPSRAW(U8(8), even, even)
	VPSRAW(U8(8), odd, odd)
	for h, sum := range split[0] {
		for i, in := range []reg.VecVirtual{even, odd} {
			VPMADDWD(in, codes[h][i], pairs)
			VPADDD(pairs, sum, sum)
		}
	}
}, addUp}

// tileYMM multiplies 8 rows, or 16 if halves is 2, by a few tokens.
type tileYMM struct {
	codesYMM
	dotYMM
	tokens, halves int
	unpack         func(group Mem, g int, raw reg.VecVirtual) []reg.VecVirtual
	sums           [][][]reg.VecVirtual // [tokens][split][halves]
}

// begin prepares registers; the sums themselves begin in memory, at dst.
func (t *tileYMM) begin() {
	t.unpack = t.prepare()
	for range t.tokens {
		var split [][]reg.VecVirtual
		for range max(1, t.latency/t.tokens) {
			halves := []reg.VecVirtual{YMM(), YMM()}[:t.halves]
			split = append(split, halves)
		}
		t.sums = append(t.sums, split)
	}
}

func (t *tileYMM) clear() {
	for _, split := range t.sums {
		for _, halves := range split {
			for _, s := range halves {
				VPXOR(s, s, s)
			}
		}
	}
}

// group adds the products of a group of 16 columns and goes to the next.
func (t *tileYMM) group(w, x reg.Register) {
	raw := []reg.VecVirtual{YMM(), YMM()}
	for g := range 4 {
		var codes [][]reg.VecVirtual
		for h := range t.halves {
			codes = append(codes, t.unpack(Mem{Base: w, Disp: 32 * h}, g, raw[h]))
		}
		for token, split := range t.sums {
			t.add(g, Mem{Base: x, Disp: 4 * (g*t.tokens + token)}, codes, split)
		}
	}
	ADDQ(U32(64*t.lines), w)
	ADDQ(U32(16*t.tokens), x)
}

// prefetch fetches a group to the second cache.
func (t *tileYMM) prefetch(group Mem) {
	for line := range t.lines {
		PREFETCHT1(group.Offset(64 * line))
	}
}

// addTo adds the sums of a token to those in memory.
func (t *tileYMM) addTo(dst reg.Register, token int) {
	t.total(t.sums[token])
	for h, sum := range t.sums[token][0] {
		VPADDD(Mem{Base: dst, Disp: 32 * h}, sum, sum)
		VMOVDQU(sum, Mem{Base: dst, Disp: 32 * h})
	}
}

// takeUpTo subtracts up to most from left, and returns the register with the number.
func takeUpTo(most int, left reg.Register) reg.GPVirtual {
	n := GP64()
	MOVQ(U32(most), n)
	CMPQ(left, n)
	CMOVQLT(left, n)
	SUBQ(n, left)
	return n
}

// tile writes the function for one block or half of one, which fetches the next block
// meanwhile.
func (t tileYMM) tile() {
	name := fmt.Sprintf("%sTile%sx%d", t.name, t.suffix, t.tokens)
	TEXT(name, NOSPLIT, "func(groups int, w *byte, x *int8, offset *int32, dst *int32, stride int)")
	Doc(fmt.Sprintf("%s computes %d rows of %d tokens: for each group g of 16 columns,", name, 8*t.halves, t.tokens),
		"dst[t*stride+r] = offset[t] + sum over g and i of w[g][r][i]*x[g][i/4][t][i%4].")
	groups, w, x := param("groups"), param("w"), param("x")
	offset, dst, stride := param("offset"), param("dst"), param("stride")
	SHLQ(U8(2), stride)
	size := GP64()
	IMUL3Q(U32(64*t.lines), groups, size)
	t.begin()
	t.each(dst, stride, func(at reg.Register, token int) {
		start := broadcastYMM(Mem{Base: offset, Disp: 4 * token})
		for h := range t.halves {
			VMOVDQU(start, Mem{Base: at, Disp: 32 * h})
		}
	})
	Label("some")
	t.clear()
	n := takeUpTo(t.groups, groups)
	Label("loop")
	t.prefetch(Mem{Base: w, Index: size, Scale: 1})
	t.group(w, x)
	DECQ(n)
	JNZ(LabelRef("loop"))
	t.each(dst, stride, t.addTo)
	TESTQ(groups, groups)
	JNZ(LabelRef("some"))
	finish()
}

// each calls body with the address of each token in dst.
func (t *tileYMM) each(dst, stride reg.Register, body func(at reg.Register, token int)) {
	at := GP64()
	MOVQ(dst, at)
	for token := range t.tokens {
		body(at, token)
		if token < t.tokens-1 {
			ADDQ(stride, at)
		}
	}
}

// quadGroups is the number of groups of a block that a quad takes before it goes to the next
// block. It is small, since only four streams that advance together are read fast.
const quadGroups = 4

// quad writes the function for four neighbouring blocks, which meanwhile fetches the next
// four.
func (t tileYMM) quad() {
	name := fmt.Sprintf("%sQuad%sx%d", t.name, t.suffix, t.tokens)
	TEXT(name, NOSPLIT, "func(columns int, w *byte, x *int8, offset *int32, dst *int32, size int)")
	Doc(fmt.Sprintf("%s is a tile of %d tokens and of four blocks, size bytes apart;", name, t.tokens),
		"the 64 rows of a token are written one after the other, then those of the next.")
	left, w, x, dst, size := param("columns"), param("w"), param("x"), param("dst"), param("size")
	t.begin()
	t.startQuad(dst)
	end := GP64()
	LEAQ(Mem{Base: dst, Disp: 256}, end)
	Label("some")
	n, block, out, from, in := takeUpTo(16*min(t.dotYMM.groups, quadGroups), left), GP64(), GP64(), GP64(), GP64()
	MOVQ(w, block)
	MOVQ(dst, out)
	Label("block")
	MOVQ(block, from)
	MOVQ(x, in)
	t.blockOfQuad(n, from, in, out, size)
	ADDQ(size, block)
	ADDQ(Imm(64), out)
	CMPQ(out, end)
	JL(LabelRef("block"))
	MOVQ(in, x)
	ADDQ(size, w) // and what was read of the last block
	SUBQ(block, w)
	ADDQ(from, w)
	TESTQ(left, left)
	JNZ(LabelRef("some"))
	finish()
}

func (t *tileYMM) startQuad(dst reg.Register) {
	offset := param("offset")
	for token := range t.tokens {
		start := broadcastYMM(Mem{Base: offset, Disp: 4 * token})
		for i := range 8 {
			VMOVDQU(start, Mem{Base: dst, Disp: 256*token + 32*i})
		}
	}
}

// blockOfQuad adds n columns of one block.
func (t *tileYMM) blockOfQuad(n, from, in, out, size reg.Register) {
	i := GP64()
	MOVQ(n, i)
	t.clear()
	Label("loop")
	t.prefetch(Mem{Base: from, Index: size, Scale: 4})
	t.group(from, in)
	SUBQ(Imm(16), i)
	JNZ(LabelRef("loop"))
	for token := range t.tokens {
		at := GP64()
		LEAQ(Mem{Base: out, Disp: 256 * token}, at)
		t.addTo(at, token)
	}
}

// tilesYMM writes the tiles for machines without AVX-512. A quad has no more than four
// tokens: more would not wait for memory.
func tilesYMM() {
	ternary, int4, int8 := tileYMM{codesYMM: ternaryYMM}, tileYMM{codesYMM: int4YMM}, tileYMM{codesYMM: int8YMM}
	ternary.with(dotPairs(16)).few(1, 2, 4).many(12)
	ternary.with(dotVNNI).few(1, 2, 4).many(12)
	int4.with(dotPairs(2)).few(2, 4).many(12)
	int4.with(dotVNNI).few(2, 4).many(12)
	int8.with(dotVNNI).few(1, 2, 4).many(12)
	tileYMM{codesYMM: int8WordsYMM}.with(dotWords).few(1, 2, 4)
}

func (t tileYMM) with(dot dotYMM) tileYMM {
	t.dotYMM = dot
	return t
}

// few writes tiles and quads of a few tokens, which take both halves of a block at once.
func (t tileYMM) few(tokens ...int) tileYMM {
	t.halves = 2
	for _, t.tokens = range tokens {
		t.tile()
		t.quad()
	}
	return t
}

// many writes a tile of the largest number of tokens that registers allow, for half a block.
func (t tileYMM) many(tokens int) {
	t.tokens, t.halves = tokens, 1
	t.tile()
}
