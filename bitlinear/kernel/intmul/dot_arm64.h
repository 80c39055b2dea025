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
