package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions of the package causal: see there for panels, blocks, tiles and the order of queries.
const (
	causalTile      = 32
	causalLine      = 64 // bytes of a line of a panel or block
	causalSums      = 4 * causalTile
	causalPanelStep = causalTile * causalLine
)

func causal512() {
	causalPanel()
	causalBlock()
	causalTranspose()
	causalDots()
	causalTops()
	causalWeights()
	causalGradients()
	causalRows()
}

// toBF16 writes 32 values of bfloat16, those of low first.
func toBF16(low, high, to reg.VecVirtual) { VPACKSSDW(low, high, to) } // becomes VCVTNE2PS2BF16

// firstLanes is the mask of the first n of 16 lanes, for n from 0 on.
func firstLanes(n reg.Register) reg.Register {
	most, mask := GP64(), GP64()
	MOVQ(U32(16), most)
	CMPQ(n, most)
	CMOVQLT(n, most)
	MOVQ(U32(0xffff), mask)
	BZHIQ(most, mask, mask)
	k := K()
	KMOVW(mask.As32(), k)
	return k
}

// zeroLines ends a loop over lines at dst: it clears left of them.
func zeroLines(left, dst reg.Register, zero reg.VecVirtual) {
	Label("rest")
	TESTQ(left, left)
	JLE(LabelRef("done"))
	VMOVDQU32(zero, Mem{Base: dst})
	ADDQ(U32(causalLine), dst)
	DECQ(left)
	JMP(LabelRef("rest"))
	Label("done")
	finish()
}

func causalPanel() {
	TEXT("panel512", NOSPLIT, "func(rows, cols int, dst *byte, x *float32, ld int)")
	Doc("panel512 writes the step of a panel [32][32] in bfloat16 of x[r*ld+j], zero from rows and from cols on.")
	rows, cols, dst, x, ld := param("rows"), param("cols"), param("dst"), param("x"), param("ld")
	SHLQ(U8(2), ld)
	left, low, high, zero := GP64(), ZMM(), ZMM(), zmm.zeros()[0]
	first := firstLanes(cols)
	SUBQ(U8(16), cols)
	second := GP64()
	XORQ(second, second)
	CMPQ(cols, second)
	CMOVQGT(cols, second)
	rest := firstLanes(second)
	MOVQ(U32(causalTile), left)
	SUBQ(rows, left)
	Label("row")
	VMOVUPS_Z(Mem{Base: x}, first, low)
	VMOVUPS_Z(Mem{Base: x, Disp: 64}, rest, high)
	toBF16(low, high, low)
	VMOVDQU32(low, Mem{Base: dst})
	ADDQ(ld, x)
	ADDQ(U32(causalLine), dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	zeroLines(left, dst, zero)
}

func causalBlock() {
	TEXT("block512", NOSPLIT, "func(rows, cols int, dst *byte, x *float32, ld int)")
	Doc("block512 writes the step of a block [16][16][2] in bfloat16: of 16 pairs of rows p and columns j it has",
		"x[2p*ld+j] and x[(2p+1)*ld+j], zero from rows and from cols on.")
	rows, cols, dst, x, ld := param("rows"), param("cols"), param("dst"), param("x"), param("ld")
	SHLQ(U8(2), ld)
	left, low, high, zero, order := GP64(), ZMM(), ZMM(), zmm.zeros()[0], ZMM()
	VMOVDQU32(interleaved(), order)
	mask := firstLanes(cols)
	MOVQ(U32(causalTile/2), left)
	Label("pair")
	CMPQ(rows, U8(2))
	JL(LabelRef("odd"))
	VMOVUPS_Z(Mem{Base: x}, mask, low)
	VMOVUPS_Z(Mem{Base: x, Index: ld, Scale: 1}, mask, high)
	toBF16(low, high, low)
	VPERMW(low, order, low)
	VMOVDQU32(low, Mem{Base: dst})
	LEAQ(Mem{Base: x, Index: ld, Scale: 2}, x.(reg.GPVirtual))
	ADDQ(U32(causalLine), dst)
	SUBQ(U8(2), rows)
	DECQ(left)
	JNZ(LabelRef("pair"))
	Label("odd")
	TESTQ(rows, rows)
	JLE(LabelRef("rest"))
	VMOVUPS_Z(Mem{Base: x}, mask, low)
	toBF16(low, zero, low)
	VPERMW(low, order, low)
	VMOVDQU32(low, Mem{Base: dst})
	ADDQ(U32(causalLine), dst)
	DECQ(left)
	zeroLines(left, dst, zero)
}

// interleaved is the order of words 0, 16, 1, 17 and so on.
func interleaved() Mem {
	m := GLOBL("interleaved", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)|uint32(16+i)<<16))
	}
	return m
}

func causalTranspose() {
	TEXT("transpose512", NOSPLIT, "func(dst, src *byte)")
	Doc("transpose512 writes dst[j][i] = src[i][j] for 16 by 16 words of 32 bits: the step of half a panel becomes one of",
		"a block, and the other way round.")
	dst, src, spare := param("dst"), param("src"), ZMM()
	rows := make([]reg.VecVirtual, 16)
	for i := range rows {
		rows[i] = ZMM()
		VMOVDQU32(Mem{Base: src, Disp: causalLine * i}, rows[i])
	}
	transpose(rows, spare)
	for i, r := range rows {
		VMOVDQU32(r, Mem{Base: dst, Disp: causalLine * i})
	}
	finish()
}

// causalQueries has the 32 queries of a tile, in two registers each.
type causalQueries struct {
	base          reg.Register
	starts, spans [2]reg.VecVirtual
	key, one      reg.VecVirtual
	distance      reg.VecVirtual
}

// The fields of causal.queries, in bytes.
const (
	causalStarts = 128 * iota
	causalSpans
	causalTop
	causalTotal
)

func (q *causalQueries) field(at, half int) Mem { return Mem{Base: q.base, Disp: at + 64*half} }

func (q *causalQueries) load(at int) (v [2]reg.VecVirtual) {
	for half := range v {
		v[half] = ZMM()
		VMOVUPS(q.field(at, half), v[half])
	}
	return v
}

func newCausalQueries() *causalQueries {
	q := &causalQueries{base: param("q"), key: zmm.splat("first"), one: zmm.word("int1", 1), distance: ZMM()}
	q.starts, q.spans = q.load(causalStarts), q.load(causalSpans)
	return q
}

// seen is the mask of the queries of a half that see the key: it is not before the start, nor behind the query.
func (q *causalQueries) seen(half int) reg.Register {
	const notAbove = U8(2)
	k := K()
	VPSUBD(q.starts[half], q.key, q.distance)
	VPCMPUD(notAbove, q.spans[half], q.distance, k)
	return k
}

func (q *causalQueries) next() { VPADDD(q.one, q.key, q.key) }

func causalDots() {
	TEXT("dots512", NOSPLIT, "func(rows, cols int, dst, x *float32, ldx int, y *float32, ldy int)")
	Doc("dots512 writes dst[r] = sum over j below cols of x[r*ldx+j]*y[r*ldy+j].")
	rows, cols, dst := param("rows"), param("cols"), param("dst")
	x, ldx, y, ldy := param("x"), param("ldx"), param("y"), param("ldy")
	SHLQ(U8(2), ldx)
	SHLQ(U8(2), ldy)
	whole, rest, v := GP64(), GP64(), ZMM()
	MOVQ(cols, whole)
	ANDQ(I8(-16), whole)
	MOVQ(cols, rest)
	ANDQ(U8(15), rest)
	mask := firstLanes(rest)
	SHLQ(U8(2), whole)
	Label("row")
	sum, at := zmm.zeros(), GP64()
	VMOVUPS_Z(Mem{Base: x, Index: whole, Scale: 1}, mask, v)
	VMOVUPS_Z(Mem{Base: y, Index: whole, Scale: 1}, mask, sum[0])
	VMULPS(v, sum[0], sum[0])
	XORQ(at, at)
	JMP(LabelRef("more"))
	Label("columns")
	VMOVUPS(Mem{Base: x, Index: at, Scale: 1}, v)
	VFMADD231PS(Mem{Base: y, Index: at, Scale: 1}, v, sum[0])
	ADDQ(U8(64), at)
	Label("more")
	CMPQ(at, whole)
	JL(LabelRef("columns"))
	VMOVSS(zmm.fold(sum, VADDPS).(reg.VecVirtual), Mem{Base: dst})
	ADDQ(ldx, x)
	ADDQ(ldy, y)
	ADDQ(U8(4), dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	finish()
}

func causalTops() {
	TEXT("tops512", NOSPLIT, "func(keys int, scores *float32, first int32, q *int32)")
	Doc("tops512 writes to q.top the largest score that each query sees.")
	keys, scores, q := param("keys"), param("scores"), newCausalQueries()
	tops := [2]reg.VecVirtual{zmm.splatted(-3e38), zmm.splatted(-3e38)}
	Label("key")
	for half, top := range tops {
		VMAXPS(Mem{Base: scores, Disp: 64 * half}, top, q.seen(half), top)
	}
	q.next()
	ADDQ(U32(causalSums), scores)
	DECQ(keys)
	JNZ(LabelRef("key"))
	for half, top := range tops {
		VMOVUPS(top, q.field(causalTop, half))
	}
	finish()
}

// causalExp has the constants of 2^y.
type causalExp struct {
	factor, floor, fraction reg.VecVirtual
	top                     [2]reg.VecVirtual
	coefficients            []reg.VecVirtual
}

// newCausalExp takes the coefficients of 2^f for f from 0 to 1: an error of 2.6e-6, far below that of bfloat16. (Remez.)
func newCausalExp(q *causalQueries) *causalExp {
	e := &causalExp{factor: zmm.splat("factor"), floor: zmm.splatted(-64), fraction: ZMM(), top: q.load(causalTop)}
	for _, c := range []float32{0.013534168, 0.05201146, 0.24144276, 0.69300383, 1.0000026} {
		e.coefficients = append(e.coefficients, zmm.splatted(c))
	}
	for _, top := range e.top {
		VMULPS(e.factor, top, top)
	}
	return e
}

// weight replaces a score by 2^(factor*(score-top)), but for a factor below 2^-64, and by 0 outside of seen.
func (e *causalExp) weight(score reg.VecVirtual, half int, seen reg.Register) {
	const down = U8(9)
	p := ZMM()
	VFMSUB213PS(e.top[half], e.factor, score)
	VMAXPS(score, e.floor, score) // a NaN remains
	VREDUCEPS(down, score, e.fraction)
	VMOVAPS(e.coefficients[0], p)
	for _, c := range e.coefficients[1:] {
		VFMADD213PS(c, e.fraction, p)
	}
	VSCALEFPS_Z(score, p, seen, score)
}

// interleave writes the pairs of two lines to two blocks: its order of queries is that of causal.Head.
func interleave(even, odd, spare reg.VecVirtual, pairs, second reg.Register) {
	VPUNPCKLWD(odd, even, spare)
	VMOVDQU32(spare, Mem{Base: pairs})
	VPUNPCKHWD(odd, even, spare)
	VMOVDQU32(spare, Mem{Base: pairs, Index: second, Scale: 1})
}

func causalWeights() {
	TEXT("weights512", NOSPLIT, "func(panels int, scores *float32, first int32, q *int32, factor float32, "+
		"pairs *byte, blockBytes int)")
	Doc("weights512 writes the exponentials of scores, less q.top, as pairs of keys, to q.total the inverse of the sum of",
		"each query, and to q.top the sum's logarithm over scale.")
	panels, scores, pairs, second := param("panels"), param("scores"), param("pairs"), param("blockBytes")
	q := newCausalQueries()
	e := newCausalExp(q)
	totals := [2]reg.VecVirtual{zmm.zeros()[0], zmm.zeros()[0]}
	lines, high, spare := [2]reg.VecVirtual{ZMM(), ZMM()}, ZMM(), ZMM()
	SHLQ(U8(4), panels) // pairs of keys
	Label("pair")
	for i, line := range lines {
		for half, v := range []reg.VecVirtual{line, high} {
			VMOVUPS(Mem{Base: scores, Disp: causalSums*i + 64*half}, v)
			e.weight(v, half, q.seen(half))
			VADDPS(v, totals[half], totals[half])
		}
		toBF16(line, high, line)
		q.next()
	}
	interleave(lines[0], lines[1], spare, pairs, second)
	ADDQ(U32(2*causalSums), scores)
	ADDQ(U32(causalLine), pairs)
	DECQ(panels)
	JNZ(LabelRef("pair"))
	for half, total := range totals {
		e.finishTile(q, half, total)
	}
	finish()
}

// log2Coefficients are those of log2(1+f)/f for f from 0 to 1, the highest power first: an error of 1.1e-6. (Chebyshev.)
var log2Coefficients = []float32{0.02001665, -0.09462681, 0.21394321, -0.3383772, 0.47749636, -0.72114409, 1.442693}

// finishTile turns the largest score into the logarithm of the sum of exponentials over scale, and the sum into its inverse.
func (e *causalExp) finishTile(q *causalQueries, half int, total reg.VecVirtual) {
	exponent, f, p, one := ZMM(), ZMM(), ZMM(), zmm.splatted(1)
	const mantissa = U8(0) // from 1 to 2
	VGETEXPPS(total, exponent)
	VGETMANTPS(mantissa, total, f)
	VSUBPS(one, f, f)
	VBROADCASTSS(float(log2Coefficients[0]), p)
	for _, c := range log2Coefficients[1:] {
		VFMADD213PS_BCST(float(c), f, p)
	}
	VFMADD213PS(exponent, f, p)
	VDIVPS(e.factor, p, p)
	VADDPS(q.field(causalTop, half), p, p)
	VMOVUPS(p, q.field(causalTop, half))
	VDIVPS(total, one, f)
	VMOVUPS(f, q.field(causalTotal, half))
}

func causalGradients() {
	TEXT("gradients512", NOSPLIT, "func(panels int, scores, grads *float32, first int32, q *int32, factor float32, "+
		"weights, dScores *byte, panelBytes int, pairs *byte, blockBytes int)")
	Doc("gradients512 writes the weights p of scores and p*(grad-q.total), their gradients, as panels of keys, panelBytes apart,",
		"and the latter as pairs of keys too.")
	panels, scores, grads := param("panels"), param("scores"), param("grads")
	weights, dScores, pairs, second := param("weights"), param("dScores"), param("pairs"), param("blockBytes")
	q := newCausalQueries()
	e, totals := newCausalExp(q), q.load(causalTotal)
	lines, high, dHigh, weight, pair := [2]reg.VecVirtual{ZMM(), ZMM()}, ZMM(), ZMM(), ZMM(), GP64()
	Label("panel")
	MOVQ(U32(causalTile/2), pair)
	Label("pair")
	for i, line := range lines {
		for half, v := range []reg.VecVirtual{weight, high} {
			d, at, seen := []reg.VecVirtual{line, dHigh}[half], causalSums*i+64*half, q.seen(half)
			VMOVUPS(Mem{Base: scores, Disp: at}, v)
			VMOVUPS(Mem{Base: grads, Disp: at}, d)
			e.weight(v, half, seen)
			VSUBPS(totals[half], d, d)
			VMULPS_Z(v, d, seen, d)
		}
		toBF16(weight, high, weight)
		VMOVDQU32(weight, Mem{Base: weights, Disp: causalLine * i})
		toBF16(line, dHigh, line)
		VMOVDQU32(line, Mem{Base: dScores, Disp: causalLine * i})
		q.next()
	}
	interleave(lines[0], lines[1], high, pairs, second)
	for _, at := range []reg.Register{scores, grads} {
		ADDQ(U32(2*causalSums), at)
	}
	for _, at := range []reg.Register{weights, dScores} {
		ADDQ(U32(2*causalLine), at)
	}
	ADDQ(U32(causalLine), pairs)
	DECQ(pair)
	JNZ(LabelRef("pair"))
	for _, at := range []reg.Register{weights, dScores} {
		ADDQ(loadParam("panelBytes"), at)
		SUBQ(U32(causalPanelStep), at)
	}
	DECQ(panels)
	JNZ(LabelRef("panel"))
	finish()
}

// loadParam is a parameter in memory.
func loadParam(name string) Mem {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return at.Addr
}

// causalRows turns the sums of queries, which are columns of two blocks, into rows.
func causalRows() {
	TEXT("rows512", NOSPLIT, "func(rows, cols int, sums, factors, dst *float32, ld int)")
	Doc("rows512 writes dst[r*ld+j] = sums[j][c(r)]*factors[r] for r below rows, at most 32, and j below cols. The query of column",
		"16b+4l+i is 8l+4b+i, the order that gradients512 and weights512 give them.")
	cols, sums, dst, ld := param("cols"), param("sums"), param("dst"), param("ld")
	SHLQ(U8(2), ld)
	spare := ZMM()
	Label("columns")
	mask, half, from, to := firstLanes(cols), GP64(), GP64(), GP64()
	rows, factors := param("rows"), param("factors")
	MOVQ(U32(2), half)
	MOVQ(sums, from)
	MOVQ(dst, to)
	Label("half")
	lines := make([]reg.VecVirtual, 16)
	for i := range lines {
		lines[i] = ZMM()
		VMOVUPS(Mem{Base: from, Disp: causalSums * i}, lines[i])
	}
	transpose(lines, spare)
	at := GP64()
	MOVQ(to, at)
	for c, line := range lines {
		q := 8*(c/4) + c%4
		CMPQ(rows, U8(q))
		JLE(LabelRef("written"))
		VMULPS_BCST(Mem{Base: factors, Disp: 4 * q}, line, line)
		VMOVUPS(line, mask, Mem{Base: at})
		if c%4 == 3 {
			LEAQ(Mem{Base: at, Index: ld, Scale: 4}, at)
		}
		ADDQ(ld, at)
	}
	Label("written")
	ADDQ(U32(64), from)
	ADDQ(U32(4*4), factors)
	LEAQ(Mem{Base: to, Index: ld, Scale: 4}, to)
	SUBQ(U8(4), rows)
	DECQ(half)
	JNZ(LabelRef("half"))
	ADDQ(U32(16*causalSums), sums)
	ADDQ(U32(64), dst)
	SUBQ(U8(16), cols)
	JG(LabelRef("columns"))
	finish()
}
