// What the tiles of arm64 share. Instructions that the assembler does not know are words (Arm
// Architecture Reference Manual, C7.2): d, n and m are numbers of vector registers.

// Four sums of four bytes of n times bytes 4i to 4i+3 of m, added to d.
#define SDOT(d, n, m, i) WORD $(0x4F80E000 | ((i) & 1) << 21 | (m) << 16 | ((i) >> 1) << 11 | (n) << 5 | (d))

// The codes in the low bits of V16 to V19, by the mask V28, go to V20 to V23.
#define CODES \
	VAND V28.B16, V16.B16, V20.B16 \
	VAND V28.B16, V17.B16, V21.B16 \
	VAND V28.B16, V18.B16, V22.B16 \
	VAND V28.B16, V19.B16, V23.B16

#define SHIFT(bits) \
	VUSHR $bits, V16.B16, V16.B16 \
	VUSHR $bits, V17.B16, V17.B16 \
	VUSHR $bits, V18.B16, V18.B16 \
	VUSHR $bits, V19.B16, V19.B16

// Sums of eight bytes of the halves of n times those of m, added to d: n0*m0, n0*m1, n1*m0, n1*m1.
#define SMMLA(d, n, m) WORD $(0x4E80A400 | (m) << 16 | (n) << 5 | (d))

// Bytes of n shifted by those of m, to the right where these are negative.
#define USHL(d, n, m) WORD $(0x6E204400 | (m) << 16 | (n) << 5 | (d))

// Lower halves of n and m; upper halves.
#define ZIP1D(d, n, m) WORD $(0x4EC03800 | (m) << 16 | (n) << 5 | (d))
#define ZIP2D(d, n, m) WORD $(0x4EC07800 | (m) << 16 | (n) << 5 | (d))

// Vectors of four: integers added, turned into floats; floats multiplied, added; halves of a
// register, in half precision, turned into floats.
#define ADDI(d, n, m) WORD $(0x4EA08400 | (m) << 16 | (n) << 5 | (d))
#define SCVTF(d, n) WORD $(0x4E21D800 | (n) << 5 | (d))
#define FMUL(d, n, m) WORD $(0x6E20DC00 | (m) << 16 | (n) << 5 | (d))
#define FADD(d, n, m) WORD $(0x4E20D400 | (m) << 16 | (n) << 5 | (d))
#define FCVTL(d, n) WORD $(0x0E217800 | (n) << 5 | (d))
#define FCVTL2(d, n) WORD $(0x4E217800 | (n) << 5 | (d))

// A token's sum in register sum plus its offset, V29, times its factor, V30, and the scale, added to a register.
#define SCALED(sum, scale, to) \
	ADDI(sum, sum, 29) \
	SCVTF(sum, sum) \
	FMUL(sum, sum, 30) \
	FMUL(sum, sum, scale) \
	FADD(to, to, sum)

// The code of a sign is 2, not 1.
#define DOUBLE(a) \
	ADDI(a, a, a) \
	ADDI(a+1, a+1, a+1) \
	ADDI(a+2, a+2, a+2) \
	ADDI(a+3, a+3, a+3)

// All 16 rows, of which V20 to V23 hold four columns, times bytes 4i to 4i+3 of m, added
// to the sums from register a on.
#define ROWS(a, m, i) \
	SDOT(a, 20, m, i) \
	SDOT(a+1, 21, m, i) \
	SDOT(a+2, 22, m, i) \
	SDOT(a+3, 23, m, i)

#define FOURTOKENS(m) \
	CODES \
	ROWS(0, m, 0) \
	ROWS(4, m, 1) \
	ROWS(8, m, 2) \
	ROWS(12, m, 3)

// What follows multiplies eight rows, half of each line, by eight tokens, with the sums of the tokens
// 2i and 2i+1 in the registers from 4i on, two rows in each. The activations of eight columns of a
// token lie side by side.

// The words of eight rows at R, each twice, go to V16 to V19.
#define TWICE(R) \
	VLD1 (R), [V20.B16, V21.B16] \
	ADD $64, R \
	VZIP1 V20.S4, V20.S4, V16.S4 \
	VZIP2 V20.S4, V20.S4, V17.S4 \
	VZIP1 V21.S4, V21.S4, V18.S4 \
	VZIP2 V21.S4, V21.S4, V19.S4

// Two quads of each row, by shifts in a register and the mask V28, go to V20 to V23.
#define TWOQUADS(shifts) \
	USHL(20, 16, shifts) \
	USHL(21, 17, shifts) \
	USHL(22, 18, shifts) \
	USHL(23, 19, shifts) \
	VAND V28.B16, V20.B16, V20.B16 \
	VAND V28.B16, V21.B16, V21.B16 \
	VAND V28.B16, V22.B16, V22.B16 \
	VAND V28.B16, V23.B16, V23.B16

#define TWOTOKENS(a, x) \
	SMMLA(a, x, 20) \
	SMMLA(a+1, x, 21) \
	SMMLA(a+2, x, 22) \
	SMMLA(a+3, x, 23)

// Those times eight tokens at R.
#define EIGHTTOKENS(R) \
	VLD1.P 64(R), [V24.B16, V25.B16, V26.B16, V27.B16] \
	TWOTOKENS(0, 24) \
	TWOTOKENS(4, 25) \
	TWOTOKENS(8, 26) \
	TWOTOKENS(12, 27)

// The sums of two tokens from register a on: of the first go to V16 and V17, of the second to V18 and V19.
#define APART(a) \
	ZIP1D(16, a, a+1) \
	ZIP1D(17, a+2, a+3) \
	ZIP2D(18, a, a+1) \
	ZIP2D(19, a+2, a+3)

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
