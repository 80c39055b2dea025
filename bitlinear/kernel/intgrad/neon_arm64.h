// What the loops of arm64 share. Instructions that the assembler does not know are words (Arm Architecture Reference
// Manual, C7.2): d, n and m are numbers of vector registers. Unless it says otherwise, an instruction is of four float32
// or int32.

#define FADD(d, n, m) WORD $(0x4E20D400 | (m) << 16 | (n) << 5 | (d))
#define FMUL(d, n, m) WORD $(0x6E20DC00 | (m) << 16 | (n) << 5 | (d))
#define FABS(d, n) WORD $(0x4EA0F800 | (n) << 5 | (d))
#define FCVTNS(d, n) WORD $(0x4E21A800 | (n) << 5 | (d)) // to int32, to nearest, half to even
#define SCVTF(d, n) WORD $(0x4E21D800 | (n) << 5 | (d))
#define MULV(d, n, m) WORD $(0x4EA09C00 | (m) << 16 | (n) << 5 | (d))
#define UMAXV(d, n) WORD $(0x6EB0A800 | (n) << 5 | (d)) // of all lanes

// n times lane i of m.
#define FMULBY(d, n, m, i) WORD $(0x4F809000 | ((i) & 1) << 21 | (m) << 16 | ((i) >> 1) << 11 | (n) << 5 | (d))

// n narrowed, into the lower and the upper half of d: to int16, clamped; int16 to their high bytes.
#define SQXTN(d, n) WORD $(0x0E614800 | (n) << 5 | (d))
#define SQXTN2(d, n) WORD $(0x4E614800 | (n) << 5 | (d))
#define HIGHBYTES(d, n) WORD $(0x0F088400 | (n) << 5 | (d))
#define HIGHBYTES2(d, n) WORD $(0x4F088400 | (n) << 5 | (d))

// Four sums of four bytes of n times bytes 4i to 4i+3 of m, added to d.
#define SDOT(d, n, m, i) WORD $(0x4F80E000 | ((i) & 1) << 21 | (m) << 16 | ((i) >> 1) << 11 | (n) << 5 | (d))

// Sums of eight bytes of the halves of n times those of m, added to d: n0*m0, n0*m1, n1*m0, n1*m1.
#define SMMLA(d, n, m) WORD $(0x4E80A400 | (m) << 16 | (n) << 5 | (d))

// Lower halves of n and m; upper halves.
#define ZIP1D(d, n, m) WORD $(0x4EC03800 | (m) << 16 | (n) << 5 | (d))
#define ZIP2D(d, n, m) WORD $(0x4EC07800 | (m) << 16 | (n) << 5 | (d))

// An instruction on four registers from d and n on; BY has one m for all.
#define EACH(op, d, n) \
	op(d, n) \
	op(d+1, n+1) \
	op(d+2, n+2) \
	op(d+3, n+3)

#define BY(op, d, n, m) \
	op(d, n, m) \
	op(d+1, n+1, m) \
	op(d+2, n+2, m) \
	op(d+3, n+3, m)

#define CLEAR(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

#define CLEARALL \
	CLEAR(V0, V1, V2, V3) \
	CLEAR(V4, V5, V6, V7) \
	CLEAR(V8, V9, V10, V11) \
	CLEAR(V12, V13, V14, V15)
