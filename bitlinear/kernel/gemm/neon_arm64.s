//go:build !purego

#include "textflag.h"

// Instructions that the assembler does not know, as words (Arm Architecture Reference Manual, C7.2).
// d, n and m are numbers of vector registers, of four floats: products, sums, and n times
// lane i of m added to d.
#define FMUL(d, n, m) WORD $(0x6E20DC00 | (m) << 16 | (n) << 5 | (d))
#define FADD(d, n, m) WORD $(0x4E20D400 | (m) << 16 | (n) << 5 | (d))
#define FMLABY(d, n, m, i) WORD $(0x4F801000 | ((i) & 1) << 21 | (m) << 16 | ((i) >> 1) << 11 | (n) << 5 | (d))

#define CLEAR(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

// Eight columns, V2 and V3, times lane i of m, added to a row's sums.
#define ROW(s, m, i) \
	FMLABY(s, 2, m, i) \
	FMLABY(s+1, 3, m, i)

// Writes a row of eight sums, or adds what is there if R6 is not 0.
#define STOREROW(s, a, b) \
	CBZ  R6, 4(PC) \
	VLD1 (R7), [V0.S4, V1.S4] \
	FADD(s, s, 0) \
	FADD(s+1, s+1, 1) \
	VST1 [a.S4, b.S4], (R7) \
	ADD  R4<<2, R7

#define SUMSARGUMENTS \
	MOVD rows+0(FP), R0 \
	MOVD dst+8(FP), R1 \
	MOVD width+16(FP), R2 \
	MOVD sums+24(FP), R3 \
	MOVD factor+32(FP), R4

// Eight rows by eight columns at a time: the 16 sums, the columns and the rows fit the registers, and
// four loads serve 16 instructions that multiply.
//
// func gemmTileNEON(k int, a, b, c *float32, ldc int, accumulate bool)
TEXT ·gemmTileNEON(SB), NOSPLIT, $0-41
	MOVD  b+16(FP), R9
	MOVD  c+24(FP), R3
	MOVD  ldc+32(FP), R4
	MOVBU accumulate+40(FP), R6
	MOVD  $4, R8

columns:
	MOVD k+0(FP), R0
	MOVD a+8(FP), R1
	MOVD R9, R2
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)
	CLEAR(V24, V25, V26, V27)
	CLEAR(V28, V29, V30, V31)

loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	VLD1   (R2), [V2.S4, V3.S4]
	ADD    $128, R2
	ROW(16, 0, 0)
	ROW(18, 0, 1)
	ROW(20, 0, 2)
	ROW(22, 0, 3)
	ROW(24, 1, 0)
	ROW(26, 1, 1)
	ROW(28, 1, 2)
	ROW(30, 1, 3)
	SUBS   $1, R0
	BNE    loop
	MOVD   R3, R7
	STOREROW(16, V16, V17)
	STOREROW(18, V18, V19)
	STOREROW(20, V20, V21)
	STOREROW(22, V22, V23)
	STOREROW(24, V24, V25)
	STOREROW(26, V26, V27)
	STOREROW(28, V28, V29)
	STOREROW(30, V30, V31)
	ADD    $32, R3
	ADD    $32, R9
	SUBS   $1, R8
	BNE    columns
	RET

// Four values of four lines become four lines of values: a, b, c and d.
#define TRANSPOSE(a, b, c, d) \
	VZIP1 c.S4, a.S4, V16.S4 \
	VZIP2 c.S4, a.S4, V17.S4 \
	VZIP1 d.S4, b.S4, V18.S4 \
	VZIP2 d.S4, b.S4, V19.S4 \
	VZIP1 V18.S4, V16.S4, a.S4 \
	VZIP2 V18.S4, V16.S4, b.S4 \
	VZIP1 V19.S4, V17.S4, c.S4 \
	VZIP2 V19.S4, V17.S4, d.S4

#define STOREVALUE(a, b) \
	VST1 [a.S4, b.S4], (R1) \
	ADD  R2<<2, R1

// func packEightNEON(n int, dst *float32, stride int, x *float32, ld int)
TEXT ·packEightNEON(SB), NOSPLIT, $0-40
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD stride+16(FP), R2
	MOVD x+24(FP), R3
	MOVD ld+32(FP), R4
	ADD  R4<<2, R3, R5
	ADD  R4<<2, R5, R6
	ADD  R4<<2, R6, R7
	ADD  R4<<2, R7, R8
	ADD  R4<<2, R8, R9
	ADD  R4<<2, R9, R10
	ADD  R4<<2, R10, R11

loop:
	VLD1.P 16(R3), [V0.S4]
	VLD1.P 16(R5), [V2.S4]
	VLD1.P 16(R6), [V4.S4]
	VLD1.P 16(R7), [V6.S4]
	VLD1.P 16(R8), [V1.S4]
	VLD1.P 16(R9), [V3.S4]
	VLD1.P 16(R10), [V5.S4]
	VLD1.P 16(R11), [V7.S4]
	TRANSPOSE(V0, V2, V4, V6)
	TRANSPOSE(V1, V3, V5, V7)
	STOREVALUE(V0, V1)
	STOREVALUE(V2, V3)
	STOREVALUE(V4, V5)
	STOREVALUE(V6, V7)
	SUBS   $4, R0
	BNE    loop
	RET

// func packOctetsNEON(octets, rows int, dst, x *float32, ld int)
TEXT ·packOctetsNEON(SB), NOSPLIT, $0-40
	MOVD rows+8(FP), R1
	MOVD dst+16(FP), R2
	MOVD x+24(FP), R3
	MOVD ld+32(FP), R4
	LSL  $5, R1, R5

row:
	MOVD octets+0(FP), R0
	MOVD R2, R6
	MOVD R3, R7

octet:
	VLD1.P 32(R7), [V0.S4, V1.S4]
	VST1   [V0.S4, V1.S4], (R6)
	ADD    R5, R6
	SUBS   $1, R0
	BNE    octet
	ADD    $32, R2
	ADD    R4<<2, R3
	SUBS   $1, R1
	BNE    row
	RET

#define SCALED \
	VLD1.P 64(R3), [V0.S4, V1.S4, V2.S4, V3.S4] \
	FMUL(0, 0, 16) \
	FMUL(1, 1, 16) \
	FMUL(2, 2, 16) \
	FMUL(3, 3, 16)

#define ADDED \
	VLD1 (R5), [V4.S4, V5.S4, V6.S4, V7.S4] \
	FADD(0, 0, 4) \
	FADD(1, 1, 5) \
	FADD(2, 2, 6) \
	FADD(3, 3, 7)

#define STORESUMS VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R5)

// func storeSumsNEON(rows int, dst *float32, width int, sums, factor *float32)
TEXT ·storeSumsNEON(SB), NOSPLIT, $0-40
	SUMSARGUMENTS

loop:
	VLD1R.P 4(R4), [V16.S4]
	MOVD    R1, R5
	SCALED
	STORESUMS
	SCALED
	STORESUMS
	ADD     R2<<2, R1
	SUBS    $1, R0
	BNE     loop
	RET

// func addSumsNEON(rows int, dst *float32, width int, sums, factor *float32)
TEXT ·addSumsNEON(SB), NOSPLIT, $0-40
	SUMSARGUMENTS

loop:
	VLD1R.P 4(R4), [V16.S4]
	MOVD    R1, R5
	SCALED
	ADDED
	STORESUMS
	SCALED
	ADDED
	STORESUMS
	ADD     R2<<2, R1
	SUBS    $1, R0
	BNE     loop
	RET
