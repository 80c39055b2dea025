//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

#define STORES \
	MOVD rows+0(FP), R0 \
	MOVD dst+8(FP), R1 \
	MOVD width+16(FP), R2 \
	LSL $2, R2 \
	MOVD sums+24(FP), R3 \
	MOVD factor+32(FP), R4

// The sums of a row times its factor, in V0 to V7.
#define SCALED \
	VLD1R.P 4(R4), [V16.S4] \
	VLD1.P 64(R3), [V0.S4, V1.S4, V2.S4, V3.S4] \
	VLD1.P 64(R3), [V4.S4, V5.S4, V6.S4, V7.S4] \
	EACH(SCVTF, 0, 0) \
	EACH(SCVTF, 4, 4) \
	BY(FMUL, 0, 0, 16) \
	BY(FMUL, 4, 4, 16)

// func maximaNEON(n int, x *float32, inverse float32, columns *uint32) uint32
TEXT ·maximaNEON(SB), NOSPLIT, $0-36
	MOVD  n+0(FP), R0
	MOVD  x+8(FP), R1
	FMOVS inverse+16(FP), F24
	VDUP  V24.S[0], V24.S4
	MOVD  columns+24(FP), R2
	CLEAR(V16, V17, V18, V19)

loop:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1   (R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	EACH(FABS, 0, 0)
	VUMAX  V0.S4, V16.S4, V16.S4
	VUMAX  V1.S4, V17.S4, V17.S4
	VUMAX  V2.S4, V18.S4, V18.S4
	VUMAX  V3.S4, V19.S4, V19.S4
	BY(FMUL, 0, 0, 24)
	VUMAX  V0.S4, V4.S4, V4.S4
	VUMAX  V1.S4, V5.S4, V5.S4
	VUMAX  V2.S4, V6.S4, V6.S4
	VUMAX  V3.S4, V7.S4, V7.S4
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R2)
	SUBS   $16, R0
	BNE    loop
	VUMAX  V17.S4, V16.S4, V16.S4
	VUMAX  V19.S4, V18.S4, V18.S4
	VUMAX  V18.S4, V16.S4, V16.S4
	UMAXV(16, 16)
	VMOV   V16.S[0], R3
	MOVW   R3, ret+32(FP)
	RET

// The factors of mix32, and the numbers of lanes.
DATA ·mixing<>+0(SB)/4, $0x85ebca6b
DATA ·mixing<>+4(SB)/4, $0xc2b2ae35
GLOBL ·mixing<>(SB), RODATA|NOPTR, $8

DATA ·laneNumbers<>+0(SB)/8, $0x0000000100000000
DATA ·laneNumbers<>+8(SB)/8, $0x0000000300000002
GLOBL ·laneNumbers<>(SB), RODATA|NOPTR, $16

// The key and the numbers of four lanes, in V31 and V30. V26 and V27 are the factors of mix32, V28 has the low byte of
// each 16 bits.
#define RANDOM(key, number) \
	MOVWU key, R19 \
	VDUP R19, V31.S4 \
	MOVWU number, R19 \
	VDUP R19, V30.S4 \
	MOVD $·laneNumbers<>(SB), R19 \
	VLD1 (R19), [V29.S4] \
	VADD V29.S4, V30.S4, V30.S4 \
	MOVD $·mixing<>(SB), R19 \
	VLD2R (R19), [V26.S4, V27.S4] \
	MOVD $0x00ff00ff, R19 \
	VDUP R19, V28.S4

#define FOLD(shift) \
	VUSHR $shift, V24.S4, V25.S4 \
	VEOR V25.B16, V24.B16, V24.B16

// Four lanes of four lines, in fixed point, are rounded to bytes in out, four of each line: a low byte of the hashes is
// added to those of the first two lines, a high one to the others. V24 and V25 are spare.
#define ROUND(a, b, c, d, va, vc, out) \
	SQXTN(a, a) \
	SQXTN2(a, b) \
	SQXTN(c, c) \
	SQXTN2(c, d) \
	VEOR V31.B16, V30.B16, V24.B16 \
	FOLD(16) \
	MULV(24, 24, 26) \
	FOLD(13) \
	MULV(24, 24, 27) \
	FOLD(16) \
	VAND V28.B16, V24.B16, V25.B16 \
	VUSHR $8, V24.H8, V24.H8 \
	VADD V25.H8, va.H8, va.H8 \
	VADD V24.H8, vc.H8, vc.H8 \
	HIGHBYTES(out, a) \
	HIGHBYTES2(out, c)

// A line of a row times its factor, in fixed point.
#define LINE(a, va, vb, vc, vd) \
	VLD1.P 64(R3), [va.S4, vb.S4, vc.S4, vd.S4] \
	BY(FMUL, a, a, 23) \
	EACH(FCVTNS, a, a)

// ROUND of lanes whose numbers are V29 less than those of the next.
#define NEXTROUND(a, b, c, d, va, vc, out) \
	ROUND(a, b, c, d, va, vc, out) \
	VADD V29.S4, V30.S4, V30.S4

// func rowsNEON(steps int, dst *int8, distance int, x *float32, factor float32, number, key, bias uint32)
TEXT ·rowsNEON(SB), NOSPLIT, $0-48
	MOVD  steps+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  distance+16(FP), R2
	MOVD  x+24(FP), R3
	FMOVS factor+32(FP), F23
	VDUP  V23.S[0], V23.S4
	RANDOM(key+40(FP), number+36(FP))
	MOVD  $4, R19
	VDUP  R19, V29.S4

loop:
	LINE(0, V0, V1, V2, V3)
	LINE(4, V4, V5, V6, V7)
	LINE(8, V8, V9, V10, V11)
	LINE(12, V12, V13, V14, V15)
	NEXTROUND(0, 4, 8, 12, V0, V8, 16)
	NEXTROUND(1, 5, 9, 13, V1, V9, 17)
	NEXTROUND(2, 6, 10, 14, V2, V10, 18)
	NEXTROUND(3, 7, 11, 15, V3, V11, 19)
	VST4 [V16.S4, V17.S4, V18.S4, V19.S4], (R1)
	ADD  R2, R1
	SUBS $1, R0
	BNE  loop
	RET

// Four columns of a row, times its inverse, lane i of V8 to V11, and the factors of the columns, V12.
#define COLUMNS(a, va, inverse, i) \
	VLD1 (R10), [va.S4] \
	ADD R2, R10 \
	FMULBY(a, a, inverse, i) \
	FMUL(a, a, 12) \
	FCVTNS(a, a)

// Four columns of four rows.
#define FOURROWS(inverse, out) \
	COLUMNS(0, V0, inverse, 0) \
	COLUMNS(1, V1, inverse, 1) \
	COLUMNS(2, V2, inverse, 2) \
	COLUMNS(3, V3, inverse, 3) \
	NEXTROUND(0, 1, 2, 3, V0, V2, out)

// Columns are made of 16 rows at a time, four columns of them together.
//
// func columnsNEON(dst *int8, x *float32, ld int, inverse, factor *float32, number, key, bias uint32)
TEXT ·columnsNEON(SB), NOSPLIT, $0-52
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD ld+16(FP), R2
	LSL  $2, R2
	MOVD inverse+24(FP), R3
	RANDOM(key+44(FP), number+40(FP))
	MOVD $16, R19
	VDUP R19, V29.S4
	MOVD $-60, R19
	VDUP R19, V13.S4
	MOVD $48, R19
	VDUP R19, V14.S4
	MOVD $4, R4

rows:
	MOVD   factor+32(FP), R5
	VLD1.P 64(R3), [V8.S4, V9.S4, V10.S4, V11.S4]
	MOVD   R1, R9
	MOVD   R0, R11
	MOVD   $4, R6

four:
	VLD1.P 16(R5), [V12.S4]
	MOVD   R9, R10
	FOURROWS(8, 16)
	FOURROWS(9, 17)
	FOURROWS(10, 18)
	FOURROWS(11, 19)

	// The numbers of the next four columns of the first rows are 4 larger.
	VADD  V13.S4, V30.S4, V30.S4
	VUZP1 V17.B16, V16.B16, V20.B16
	VUZP2 V17.B16, V16.B16, V21.B16
	VUZP1 V19.B16, V18.B16, V22.B16
	VUZP2 V19.B16, V18.B16, V23.B16
	VUZP1 V22.B16, V20.B16, V16.B16
	VUZP1 V23.B16, V21.B16, V17.B16
	VUZP2 V22.B16, V20.B16, V18.B16
	VUZP2 V23.B16, V21.B16, V19.B16
	VST1  [V16.B16], (R11)
	ADD   $64, R11
	VST1  [V17.B16], (R11)
	ADD   $64, R11
	VST1  [V18.B16], (R11)
	ADD   $64, R11
	VST1  [V19.B16], (R11)
	ADD   $64, R11
	ADD   $16, R9
	SUBS  $1, R6
	BNE   four
	VADD  V14.S4, V30.S4, V30.S4
	MOVD  R10, R1
	SUB   $48, R1
	ADD   $16, R0
	SUBS  $1, R4
	BNE   rows
	RET

// 16 columns of each of four blocks.
#define ROW(a, b, c, d) \
	MOVD R3, R5 \
	VLD1.P 16(R5), [a.B16] \
	VLD1.P 16(R5), [b.B16] \
	VLD1.P 16(R5), [c.B16] \
	VLD1 (R5), [d.B16] \
	ADD R4, R3

// func quadsNEON(n int, dst *byte, distance int, x *int8, ld int)
TEXT ·quadsNEON(SB), NOSPLIT, $0-40
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD distance+16(FP), R2
	MOVD x+24(FP), R3
	MOVD ld+32(FP), R4

loop:
	ROW(V0, V4, V8, V12)
	ROW(V1, V5, V9, V13)
	ROW(V2, V6, V10, V14)
	ROW(V3, V7, V11, V15)
	MOVD R1, R5
	VST4 [V0.B16, V1.B16, V2.B16, V3.B16], (R5)
	ADD  R2, R5
	VST4 [V4.B16, V5.B16, V6.B16, V7.B16], (R5)
	ADD  R2, R5
	VST4 [V8.B16, V9.B16, V10.B16, V11.B16], (R5)
	ADD  R2, R5
	VST4 [V12.B16, V13.B16, V14.B16, V15.B16], (R5)
	ADD  $64, R1
	SUBS $1, R0
	BNE  loop
	RET

// func storeNEON(rows int, dst *float32, width int, sums *int32, factor *float32)
TEXT ·storeNEON(SB), NOSPLIT, $0-40
	STORES

loop:
	SCALED
	MOVD   R1, R5
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R5)
	VST1   [V4.S4, V5.S4, V6.S4, V7.S4], (R5)
	ADD    R2, R1
	SUBS   $1, R0
	BNE    loop
	RET

// func addNEON(rows int, dst *float32, width int, sums *int32, factor *float32)
TEXT ·addNEON(SB), NOSPLIT, $0-40
	STORES

loop:
	SCALED
	MOVD   R1, R5
	VLD1.P 64(R5), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1   (R5), [V12.S4, V13.S4, V14.S4, V15.S4]
	FADD(0, 0, 8)
	FADD(1, 1, 9)
	FADD(2, 2, 10)
	FADD(3, 3, 11)
	FADD(4, 4, 12)
	FADD(5, 5, 13)
	FADD(6, 6, 14)
	FADD(7, 7, 15)
	MOVD   R1, R5
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R5)
	VST1   [V4.S4, V5.S4, V6.S4, V7.S4], (R5)
	ADD    R2, R1
	SUBS   $1, R0
	BNE    loop
	RET
