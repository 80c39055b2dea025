// What the loops of arm64 share. Instructions that the assembler does not know are words (Arm
// Architecture Reference Manual, C7.2): d, n and m are numbers of vector registers. Unless it says
// otherwise, an instruction is of four float32 or int32. No product is fused with a sum where plain
// Go rounds both, so that bits are those of Go.

#define FADD(d, n, m) WORD $(0x4E20D400 | (m) << 16 | (n) << 5 | (d))
#define FSUB(d, n, m) WORD $(0x4EA0D400 | (m) << 16 | (n) << 5 | (d))
#define FMUL(d, n, m) WORD $(0x6E20DC00 | (m) << 16 | (n) << 5 | (d))
#define FDIV(d, n, m) WORD $(0x6E20FC00 | (m) << 16 | (n) << 5 | (d))
#define FMAX(d, n, m) WORD $(0x4E20F400 | (m) << 16 | (n) << 5 | (d))
#define FMIN(d, n, m) WORD $(0x4EA0F400 | (m) << 16 | (n) << 5 | (d))
#define FMLA(d, n, m) WORD $(0x4E20CC00 | (m) << 16 | (n) << 5 | (d)) // d += n*m
#define FMLS(d, n, m) WORD $(0x4EA0CC00 | (m) << 16 | (n) << 5 | (d)) // d -= n*m
#define FCMGT(d, n, m) WORD $(0x6EA0E400 | (m) << 16 | (n) << 5 | (d))
#define FCMEQ0(d, n) WORD $(0x4EA0D800 | (n) << 5 | (d))
#define FABS(d, n) WORD $(0x4EA0F800 | (n) << 5 | (d))
#define FNEG(d, n) WORD $(0x6EA0F800 | (n) << 5 | (d))
#define FSQRT(d, n) WORD $(0x6EA1F800 | (n) << 5 | (d))
#define FRINTN(d, n) WORD $(0x4E218800 | (n) << 5 | (d)) // to nearest, half to even
#define FCVTNS(d, n) WORD $(0x4E21A800 | (n) << 5 | (d)) // the same, to int32
#define SCVTF(d, n) WORD $(0x4E21D800 | (n) << 5 | (d))
#define MULV(d, n, m) WORD $(0x4EA09C00 | (m) << 16 | (n) << 5 | (d))

// n times lane i of m.
#define FMULBY(d, n, m, i) WORD $(0x4F809000 | ((i) & 1) << 21 | (m) << 16 | ((i) >> 1) << 11 | (n) << 5 | (d))

// Bits: n and m, n and not m, n xor m.
#define ANDV(d, n, m) WORD $(0x4E201C00 | (m) << 16 | (n) << 5 | (d))
#define BICV(d, n, m) WORD $(0x4E601C00 | (m) << 16 | (n) << 5 | (d))
#define EORV(d, n, m) WORD $(0x6E201C00 | (m) << 16 | (n) << 5 | (d))

// The lower and the upper half of n, in half precision or 16 or 8 bits, widened; SHLL puts 16 bits into
// the upper half of 32.
#define FCVTL(d, n) WORD $(0x0E217800 | (n) << 5 | (d))
#define FCVTL2(d, n) WORD $(0x4E217800 | (n) << 5 | (d))
#define SHLL(d, n) WORD $(0x2E613800 | (n) << 5 | (d))
#define SHLL2(d, n) WORD $(0x6E613800 | (n) << 5 | (d))
#define SXTL8(d, n) WORD $(0x0F08A400 | (n) << 5 | (d))
#define SXTL8X2(d, n) WORD $(0x4F08A400 | (n) << 5 | (d))
#define SXTL16(d, n) WORD $(0x0F10A400 | (n) << 5 | (d))
#define SXTL16X2(d, n) WORD $(0x4F10A400 | (n) << 5 | (d))

// n narrowed, into the lower and the upper half of d: to half precision, or to 16 or 8 bits, clamped.
#define FCVTN(d, n) WORD $(0x0E216800 | (n) << 5 | (d))
#define FCVTN2(d, n) WORD $(0x4E216800 | (n) << 5 | (d))
#define SQXTN32(d, n) WORD $(0x0E614800 | (n) << 5 | (d))
#define SQXTN32X2(d, n) WORD $(0x4E614800 | (n) << 5 | (d))
#define SQXTN16(d, n) WORD $(0x0E214800 | (n) << 5 | (d))
#define SQXTN16X2(d, n) WORD $(0x4E214800 | (n) << 5 | (d))

// Lanes of n turned round by one and by two; neighbours exchanged.
#define TURN1(d, n) WORD $(0x6E002000 | (n) << 16 | (n) << 5 | (d))
#define TURN2(d, n) WORD $(0x6E004000 | (n) << 16 | (n) << 5 | (d))
#define SWAP(d, n) WORD $(0x4EA00800 | (n) << 5 | (d))

// An instruction on 16 lanes, four registers from d, n and m on; BY has one m for all.
#define ALL1(op, d, n) \
	op(d, n) \
	op(d+1, n+1) \
	op(d+2, n+2) \
	op(d+3, n+3)

#define ALL(op, d, n, m) \
	op(d, n, m) \
	op(d+1, n+1, m+1) \
	op(d+2, n+2, m+2) \
	op(d+3, n+3, m+3)

#define BY(op, d, n, m) \
	op(d, n, m) \
	op(d+1, n+1, m) \
	op(d+2, n+2, m) \
	op(d+3, n+3, m)

// The first lane of a becomes op of the 16 lanes from a on, in the order of the other assembly.
#define FOLD(op, a) \
	op(a, a, a+2) \
	op(a+1, a+1, a+3) \
	op(a, a, a+1) \
	TURN2(a+1, a) \
	op(a, a, a+1) \
	TURN1(a+1, a) \
	op(a, a, a+1)

// 16 lanes of zeros.
#define ZEROS(a) ALL(EORV, a, a, a)

#define SPLAT(v) VDUP v.S[0], v.S4

// 16 floats from or to memory, where the next ones are then.
#define X V0.S4, V1.S4, V2.S4, V3.S4
#define Y V4.S4, V5.S4, V6.S4, V7.S4
#define Z V8.S4, V9.S4, V10.S4, V11.S4
