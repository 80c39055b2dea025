//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Two float64: widened from the lower and the upper half of n, absolute, added, and added to one.
#define FCVTL2D(d, n) WORD $(0x0E617800 | (n) << 5 | (d))
#define FCVTL2D2(d, n) WORD $(0x4E617800 | (n) << 5 | (d))
#define FABS2D(d, n) WORD $(0x4EE0F800 | (n) << 5 | (d))
#define FADD2D(d, n, m) WORD $(0x4E60D400 | (m) << 16 | (n) << 5 | (d))
#define FMLA2D(d, n, m) WORD $(0x4E60CC00 | (m) << 16 | (n) << 5 | (d))
#define FADDP2D(d, n) WORD $(0x7E70D800 | (n) << 5 | (d))

// Sums of neighbouring bytes of n in 16 bits; those of 16 bits, added to d in 32 bits.
#define SADDLP(d, n) WORD $(0x4E202800 | (n) << 5 | (d))
#define SADALP(d, n) WORD $(0x4E606800 | (n) << 5 | (d))

// func dotNEON(n int, x, y *float32) float32
TEXT ·dotNEON(SB), NOSPLIT, $0-28
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD y+16(FP), R2
	ZEROS(16)

loop:
	VLD1.P 64(R1), [X]
	VLD1.P 64(R2), [Y]
	ALL(FMLA, 16, 0, 4)
	SUBS   $16, R0
	BNE    loop
	FOLD(FADD, 16)
	FMOVS  F16, ret+24(FP)
	RET

// 16 values in half precision from R become Z.
#define HALVES(R) \
	VLD1.P 32(R), [V4.H8, V5.H8] \
	FCVTL(8, 4) \
	FCVTL2(9, 4) \
	FCVTL(10, 5) \
	FCVTL2(11, 5)

// func dotF16NEON(n int, w *uint16, x *float32) float32
TEXT ·dotF16NEON(SB), NOSPLIT, $0-28
	MOVD n+0(FP), R0
	MOVD w+8(FP), R1
	MOVD x+16(FP), R2
	ZEROS(16)

loop:
	VLD1.P 64(R2), [X]
	HALVES(R1)
	ALL(FMLA, 16, 8, 0)
	SUBS   $16, R0
	BNE    loop
	FOLD(FADD, 16)
	FMOVS  F16, ret+24(FP)
	RET

// The sums of four rows, from V16 on, go to four floats at R9.
#define FOLDROWS \
	FOLD(FADD, 16) \
	FOLD(FADD, 20) \
	FOLD(FADD, 24) \
	FOLD(FADD, 28) \
	FMOVS F16, 0(R9) \
	FMOVS F20, 4(R9) \
	FMOVS F24, 8(R9) \
	FMOVS F28, 12(R9)

// func dotF16RowsNEON(n int, w *uint16, rowBytes int, x, y *float32)
TEXT ·dotF16RowsNEON(SB), NOSPLIT, $0-40
	MOVD n+0(FP), R0
	MOVD w+8(FP), R1
	MOVD rowBytes+16(FP), R5
	MOVD x+24(FP), R6
	MOVD y+32(FP), R9
	ADD  R5, R1, R2
	ADD  R5, R2, R3
	ADD  R5, R3, R4
	ZEROS(16)
	ZEROS(20)
	ZEROS(24)
	ZEROS(28)

loop:
	VLD1.P 64(R6), [X]
	HALVES(R1)
	ALL(FMLA, 16, 8, 0)
	HALVES(R2)
	ALL(FMLA, 20, 8, 0)
	HALVES(R3)
	ALL(FMLA, 24, 8, 0)
	HALVES(R4)
	ALL(FMLA, 28, 8, 0)
	SUBS   $16, R0
	BNE    loop
	FOLDROWS
	RET

// func dotTileNEON(n int, w, x *float32, k int, y *float32, stride int)
TEXT ·dotTileNEON(SB), NOSPLIT, $0-48
	MOVD n+0(FP), R0
	MOVD w+8(FP), R1
	MOVD x+16(FP), R6
	MOVD k+24(FP), R5
	MOVD y+32(FP), R9
	ADD  R5<<2, R1, R2
	ADD  R5<<2, R2, R3
	ADD  R5<<2, R3, R4
	ZEROS(16)
	ZEROS(20)
	ZEROS(24)
	ZEROS(28)

loop:
	VLD1.P 64(R6), [X]
	VLD1.P 64(R1), [Y]
	ALL(FMLA, 16, 4, 0)
	VLD1.P 64(R2), [Y]
	ALL(FMLA, 20, 4, 0)
	VLD1.P 64(R3), [Y]
	ALL(FMLA, 24, 4, 0)
	VLD1.P 64(R4), [Y]
	ALL(FMLA, 28, 4, 0)
	SUBS   $16, R0
	BNE    loop
	FOLDROWS
	RET

// 16 values of the sums of a norm's gradient; the sum of their products with w goes to sum.
#define NORMSUMS(sum) \
	VLD1.P 64(R2), [X] \
	VLD1.P 64(R3), [Y] \
	VLD1.P 64(R4), [Z] \
	VLD1   (R1), [V12.S4, V13.S4, V14.S4, V15.S4] \
	BY(FMUL, 0, 0, 30) \
	ALL(FMUL, 0, 0, 4) \
	ALL(FMLA, sum, 0, 8) \
	ALL(FADD, 12, 12, 0) \
	VST1.P [V12.S4, V13.S4, V14.S4, V15.S4], 64(R1) \
	SUBS   $16, R0

// func normSumsNEON(n int, dw, grad, x, w *float32, inverse float32) float32
TEXT ·normSumsNEON(SB), NOSPLIT, $0-52
	MOVD  n+0(FP), R0
	MOVD  dw+8(FP), R1
	MOVD  grad+16(FP), R2
	MOVD  x+24(FP), R3
	MOVD  w+32(FP), R4
	FMOVS inverse+40(FP), F30
	SPLAT(V30)
	ZEROS(16)
	ZEROS(20)

loop:
	NORMSUMS(16)
	BEQ   done
	NORMSUMS(20)
	BNE   loop

done:
	ALL(FADD, 16, 16, 20)
	FOLD(FADD, 16)
	FMOVS F16, ret+48(FP)
	RET

// func absMaxNEON(n int, x *float32) float32
TEXT ·absMaxNEON(SB), NOSPLIT, $0-20
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	ZEROS(16)

loop:
	VLD1.P 64(R1), [X]
	ALL1(FABS, 0, 0)
	ALL(FMAX, 16, 16, 0)
	SUBS   $16, R0
	BNE    loop
	FOLD(FMAX, 16)
	FMOVS  F16, ret+16(FP)
	RET

// func maxNEON(n int, x *float32) float32
TEXT ·maxNEON(SB), NOSPLIT, $0-20
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	VLD1 (R1), [V16.S4, V17.S4, V18.S4, V19.S4]

loop:
	VLD1.P 64(R1), [X]
	ALL(FMAX, 16, 16, 0)
	SUBS   $16, R0
	BNE    loop
	FOLD(FMAX, 16)
	FMOVS  F16, ret+16(FP)
	RET

// Conversion to int32 and narrowing both clamp.
//
// func quantizeNEON(n int, dst *int8, x *float32, scale float32) int32
TEXT ·quantizeNEON(SB), NOSPLIT, $0-36
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  x+16(FP), R2
	FMOVS scale+24(FP), F30
	SPLAT(V30)
	VEOR  V16.B16, V16.B16, V16.B16

loop:
	VLD1.P 64(R2), [X]
	BY(FMUL, 0, 0, 30)
	ALL1(FCVTNS, 0, 0)
	SQXTN32(4, 0)
	SQXTN32X2(4, 1)
	SQXTN32(5, 2)
	SQXTN32X2(5, 3)
	SQXTN16(6, 4)
	SQXTN16X2(6, 5)
	SADDLP(7, 6)
	SADALP(16, 7)
	VST1.P [V6.B16], 16(R1)
	SUBS   $16, R0
	BNE    loop
	VADDV  V16.S4, V16
	VMOV   V16.S[0], R3
	MOVW   R3, ret+32(FP)
	RET

// 16 floats become V16 to V23, two float64 each.
#define DOUBLES \
	VLD1.P 64(R1), [X] \
	FCVTL2D(16, 0) \
	FCVTL2D2(17, 0) \
	FCVTL2D(18, 1) \
	FCVTL2D2(19, 1) \
	FCVTL2D(20, 2) \
	FCVTL2D2(21, 2) \
	FCVTL2D(22, 3) \
	FCVTL2D2(23, 3)

#define FOLDDOUBLES \
	ALL(FADD2D, 24, 24, 28) \
	FADD2D(24, 24, 26) \
	FADD2D(25, 25, 27) \
	FADD2D(24, 24, 25) \
	FADDP2D(24, 24)

// func sumSquaresNEON(n int, x *float32) float64
TEXT ·sumSquaresNEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	ZEROS(24)
	ZEROS(28)

loop:
	DOUBLES
	ALL(FMLA2D, 24, 16, 16)
	ALL(FMLA2D, 28, 20, 20)
	SUBS  $16, R0
	BNE   loop
	FOLDDOUBLES
	FMOVD F24, ret+16(FP)
	RET

// func absSumNEON(n int, x *float32) float64
TEXT ·absSumNEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	ZEROS(24)
	ZEROS(28)

loop:
	DOUBLES
	ALL1(FABS2D, 16, 16)
	ALL1(FABS2D, 20, 20)
	ALL(FADD2D, 24, 24, 16)
	ALL(FADD2D, 28, 28, 20)
	SUBS  $16, R0
	BNE   loop
	FOLDDOUBLES
	FMOVD F24, ret+16(FP)
	RET
