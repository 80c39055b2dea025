//go:build !purego

#include "textflag.h"

// Instructions that the assembler does not know, as words (Arm Architecture Reference Manual, C7.2).
// d, n and m are numbers of vector registers.

// Four floats of n times lane i of m, added to d.
#define FMLABY(d, n, m, i) WORD $(0x4F801000 | ((i) & 1) << 21 | (m) << 16 | ((i) >> 1) << 11 | (n) << 5 | (d))

// The lower and the upper half of n, in half precision, as floats; in 8 or 16 bits, widened; int32 as floats.
#define FCVTL(d, n) WORD $(0x0E217800 | (n) << 5 | (d))
#define FCVTL2(d, n) WORD $(0x4E217800 | (n) << 5 | (d))
#define SXTL8(d, n) WORD $(0x0F08A400 | (n) << 5 | (d))
#define SXTL8X2(d, n) WORD $(0x4F08A400 | (n) << 5 | (d))
#define SXTL16(d, n) WORD $(0x0F10A400 | (n) << 5 | (d))
#define SXTL16X2(d, n) WORD $(0x4F10A400 | (n) << 5 | (d))
#define SCVTF(d, n) WORD $(0x4E21D800 | (n) << 5 | (d))

#define ARGUMENTS \
	MOVD k+0(FP), R0 \
	MOVD a+8(FP), R1 \
	MOVD lda+16(FP), R5 \
	MOVD b+24(FP), R2 \
	MOVD dst+32(FP), R3 \
	MOVD ldc+40(FP), R6

#define CLEAR(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

// 16 columns of the panel go to V0 to V3. V4 and V5 are spare.
#define LOADF32 VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]

#define LOADF16 \
	VLD1.P 32(R2), [V4.H8, V5.H8] \
	FCVTL(0, 4) \
	FCVTL2(1, 4) \
	FCVTL(2, 5) \
	FCVTL2(3, 5)

#define LOADINT8 \
	VLD1.P 16(R2), [V4.B16] \
	SXTL8(5, 4) \
	SXTL8X2(4, 4) \
	SXTL16(0, 5) \
	SXTL16X2(1, 5) \
	SXTL16(2, 4) \
	SXTL16X2(3, 4) \
	SCVTF(0, 0) \
	SCVTF(1, 1) \
	SCVTF(2, 2) \
	SCVTF(3, 3)

// Those columns times the first lane of m, added to the sums from register s on.
#define ADDTO(s, m) \
	FMLABY(s, 0, m, 0) \
	FMLABY(s+1, 1, m, 0) \
	FMLABY(s+2, 2, m, 0) \
	FMLABY(s+3, 3, m, 0)

// A row of the panel, all 32 columns, times a value of a row, whose sums are V16 to V23.
#define ONEROW(load) \
	FMOVS.P 4(R1), F6 \
	PRFM 2048(R2), PLDL1KEEP \
	load \
	ADDTO(16, 6) \
	load \
	ADDTO(20, 6) \
	SUBS $1, R0

// The same for two rows, with sums in V16 to V31.
#define TWOROWS(load) \
	FMOVS.P 4(R1), F6 \
	FMOVS.P 4(R7), F7 \
	PRFM 2048(R2), PLDL1KEEP \
	load \
	ADDTO(16, 6) \
	ADDTO(24, 7) \
	load \
	ADDTO(20, 6) \
	ADDTO(28, 7) \
	SUBS $1, R0

// Half a row of the panel, size bytes of 16 columns, times values of four rows, with sums in V16 to V31.
#define FOURROWS(load, size) \
	FMOVS.P 4(R1), F6 \
	FMOVS.P 4(R7), F7 \
	FMOVS.P 4(R8), F8 \
	FMOVS.P 4(R9), F9 \
	load \
	ADD $size, R2 \
	ADDTO(16, 6) \
	ADDTO(20, 7) \
	ADDTO(24, 8) \
	ADDTO(28, 9) \
	SUBS $1, R0

#define BEGIN \
	CLEAR(V16, V17, V18, V19) \
	CLEAR(V20, V21, V22, V23) \
	CLEAR(V24, V25, V26, V27) \
	CLEAR(V28, V29, V30, V31)

#define STORE8(a, b, c, d, e, f, g, h) \
	VST1.P [a.S4, b.S4, c.S4, d.S4], 64(R3) \
	VST1 [e.S4, f.S4, g.S4, h.S4], (R3)

// Four rows go through the panel twice, once for each half of its columns.
#define HALFOFFOUR \
	MOVD k+0(FP), R0 \
	MOVD a+8(FP), R1 \
	ADD R5<<2, R1, R7 \
	ADD R5<<2, R7, R8 \
	ADD R5<<2, R8, R9 \
	BEGIN

#define STOREHALF(a, b, c, d) \
	VST1 [a.S4, b.S4, c.S4, d.S4], (R4) \
	ADD R6<<2, R4

#define STOREFOUR \
	MOVD R3, R4 \
	STOREHALF(V16, V17, V18, V19) \
	STOREHALF(V20, V21, V22, V23) \
	STOREHALF(V24, V25, V26, V27) \
	STOREHALF(V28, V29, V30, V31)

// func panelF32NEONx1(k int, a *float32, lda int, b *float32, dst *float32, ldc int)
TEXT ·panelF32NEONx1(SB), NOSPLIT, $0-48
	ARGUMENTS
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)

loop:
	ONEROW(LOADF32)
	BNE loop
	STORE8(V16, V17, V18, V19, V20, V21, V22, V23)
	RET

// func panelF32NEONx2(k int, a *float32, lda int, b *float32, dst *float32, ldc int)
TEXT ·panelF32NEONx2(SB), NOSPLIT, $0-48
	ARGUMENTS
	ADD R5<<2, R1, R7
	BEGIN

loop:
	TWOROWS(LOADF32)
	BNE loop
	ADD R6<<2, R3, R4
	STORE8(V16, V17, V18, V19, V20, V21, V22, V23)
	MOVD R4, R3
	STORE8(V24, V25, V26, V27, V28, V29, V30, V31)
	RET

// func panelF32NEONx4(k int, a *float32, lda int, b *float32, dst *float32, ldc int)
TEXT ·panelF32NEONx4(SB), NOSPLIT, $0-48
	ARGUMENTS
	HALFOFFOUR

left:
	FOURROWS(LOADF32, 64)
	BNE left
	STOREFOUR
	MOVD b+24(FP), R2
	ADD $64, R3
	ADD $64, R2
	HALFOFFOUR

right:
	FOURROWS(LOADF32, 64)
	BNE right
	STOREFOUR
	RET

// func panelF16NEONx1(k int, a *float32, lda int, b *uint16, dst *float32, ldc int)
TEXT ·panelF16NEONx1(SB), NOSPLIT, $0-48
	ARGUMENTS
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)

loop:
	ONEROW(LOADF16)
	BNE loop
	STORE8(V16, V17, V18, V19, V20, V21, V22, V23)
	RET

// func panelF16NEONx2(k int, a *float32, lda int, b *uint16, dst *float32, ldc int)
TEXT ·panelF16NEONx2(SB), NOSPLIT, $0-48
	ARGUMENTS
	ADD R5<<2, R1, R7
	BEGIN

loop:
	TWOROWS(LOADF16)
	BNE loop
	ADD R6<<2, R3, R4
	STORE8(V16, V17, V18, V19, V20, V21, V22, V23)
	MOVD R4, R3
	STORE8(V24, V25, V26, V27, V28, V29, V30, V31)
	RET

// func panelF16NEONx4(k int, a *float32, lda int, b *uint16, dst *float32, ldc int)
TEXT ·panelF16NEONx4(SB), NOSPLIT, $0-48
	ARGUMENTS
	HALFOFFOUR

left:
	FOURROWS(LOADF16, 32)
	BNE left
	STOREFOUR
	MOVD b+24(FP), R2
	ADD $64, R3
	ADD $32, R2
	HALFOFFOUR

right:
	FOURROWS(LOADF16, 32)
	BNE right
	STOREFOUR
	RET

// func panelInt8NEONx1(k int, a *float32, lda int, b *int8, dst *float32, ldc int)
TEXT ·panelInt8NEONx1(SB), NOSPLIT, $0-48
	ARGUMENTS
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)

loop:
	ONEROW(LOADINT8)
	BNE loop
	STORE8(V16, V17, V18, V19, V20, V21, V22, V23)
	RET

// func panelInt8NEONx2(k int, a *float32, lda int, b *int8, dst *float32, ldc int)
TEXT ·panelInt8NEONx2(SB), NOSPLIT, $0-48
	ARGUMENTS
	ADD R5<<2, R1, R7
	BEGIN

loop:
	TWOROWS(LOADINT8)
	BNE loop
	ADD R6<<2, R3, R4
	STORE8(V16, V17, V18, V19, V20, V21, V22, V23)
	MOVD R4, R3
	STORE8(V24, V25, V26, V27, V28, V29, V30, V31)
	RET

// func panelInt8NEONx4(k int, a *float32, lda int, b *int8, dst *float32, ldc int)
TEXT ·panelInt8NEONx4(SB), NOSPLIT, $0-48
	ARGUMENTS
	HALFOFFOUR

left:
	FOURROWS(LOADINT8, 16)
	BNE left
	STOREFOUR
	MOVD b+24(FP), R2
	ADD $64, R3
	ADD $16, R2
	HALFOFFOUR

right:
	FOURROWS(LOADINT8, 16)
	BNE right
	STOREFOUR
	RET
