//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

#define NORMARGUMENTS \
	MOVD  n+0(FP), R0 \
	MOVD  dst+8(FP), R1 \
	MOVD  grad+16(FP), R2 \
	MOVD  x+24(FP), R3 \
	MOVD  w+32(FP), R4 \
	FMOVS inverse+40(FP), F30 \
	FMOVS f+44(FP), F31 \
	SPLAT(V30) \
	SPLAT(V31)

// func scaleNEON(n int, dst, x *float32, f float32)
TEXT ·scaleNEON(SB), NOSPLIT, $0-28
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  x+16(FP), R2
	FMOVS f+24(FP), F30
	SPLAT(V30)

loop:
	VLD1.P 64(R2), [X]
	BY(FMUL, 0, 0, 30)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func rescaleNEON(n int, dst *float32, x *int32, f float32)
TEXT ·rescaleNEON(SB), NOSPLIT, $0-28
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  x+16(FP), R2
	FMOVS f+24(FP), F30
	SPLAT(V30)

loop:
	VLD1.P 64(R2), [X]
	ALL1(SCVTF, 0, 0)
	BY(FMUL, 0, 0, 30)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// 1, -1 and 1.5*2^23, which leaves no bits for a fraction.
DATA ·ternaryConstants<>+0(SB)/4, $0x3f800000
DATA ·ternaryConstants<>+4(SB)/4, $0xbf800000
DATA ·ternaryConstants<>+8(SB)/4, $0x4b400000
GLOBL ·ternaryConstants<>(SB), RODATA|NOPTR, $12

// The ternary values of X under the factor V30.
#define TERNARY \
	BY(FMUL, 0, 0, 30) \
	BY(FMIN, 0, 0, 27) \
	BY(FMAX, 0, 0, 28) \
	BY(FADD, 0, 0, 29) \
	BY(FSUB, 0, 0, 29)

#define TERNARYCONSTANTS \
	MOVD  $·ternaryConstants<>(SB), R10 \
	VLD3R (R10), [V27.S4, V28.S4, V29.S4]

// func ternarizeNEON(n int, dst, w *float32, inverse float32)
TEXT ·ternarizeNEON(SB), NOSPLIT, $0-28
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  w+16(FP), R2
	FMOVS inverse+24(FP), F30
	SPLAT(V30)
	TERNARYCONSTANTS

loop:
	VLD1.P 64(R2), [X]
	TERNARY
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func deadSumNEON(n int, w *float32, inverse float32) float32
TEXT ·deadSumNEON(SB), NOSPLIT, $0-28
	MOVD  n+0(FP), R0
	MOVD  w+8(FP), R1
	FMOVS inverse+16(FP), F30
	SPLAT(V30)
	TERNARYCONSTANTS
	ZEROS(16)

loop:
	VLD1.P 64(R1), [X]
	VMOV   V0.B16, V4.B16
	VMOV   V1.B16, V5.B16
	VMOV   V2.B16, V6.B16
	VMOV   V3.B16, V7.B16
	TERNARY
	ALL1(FCMEQ0, 0, 0)
	ALL(ANDV, 0, 0, 4)
	ALL(FADD, 16, 16, 0)
	SUBS   $16, R0
	BNE    loop
	FOLD(FADD, 16)
	FMOVS  F16, ret+24(FP)
	RET

// func deadAddNEON(n int, dst, w *float32, inverse, a float32)
TEXT ·deadAddNEON(SB), NOSPLIT, $0-32
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  w+16(FP), R2
	FMOVS inverse+24(FP), F30
	FMOVS a+28(FP), F31
	SPLAT(V30)
	SPLAT(V31)
	TERNARYCONSTANTS

loop:
	VLD1.P 64(R2), [X]
	TERNARY
	ALL1(FCMEQ0, 0, 0)
	BY(ANDV, 0, 0, 31)
	VLD1   (R1), [Y]
	ALL(FADD, 4, 4, 0)
	VST1.P [Y], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func scaledProductNEON(n int, dst, w, x *float32, f float32)
TEXT ·scaledProductNEON(SB), NOSPLIT, $0-36
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  w+16(FP), R2
	MOVD  x+24(FP), R3
	FMOVS f+32(FP), F30
	SPLAT(V30)

loop:
	VLD1.P 64(R3), [X]
	VLD1.P 64(R2), [Y]
	BY(FMUL, 0, 0, 30)
	ALL(FMUL, 0, 4, 0)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func addNEON(n int, dst, x, y *float32)
TEXT ·addNEON(SB), NOSPLIT, $0-32
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R2
	MOVD y+24(FP), R3

loop:
	VLD1.P 64(R2), [X]
	VLD1.P 64(R3), [Y]
	ALL(FADD, 0, 0, 4)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func axpyNEON(n int, a float32, x, y *float32)
TEXT ·axpyNEON(SB), NOSPLIT, $0-32
	MOVD  n+0(FP), R0
	FMOVS a+8(FP), F30
	MOVD  x+16(FP), R2
	MOVD  y+24(FP), R1
	SPLAT(V30)

loop:
	VLD1.P 64(R2), [X]
	VLD1   (R1), [Y]
	BY(FMLA, 4, 0, 30)
	VST1.P [Y], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func rotateNEON(n int, x, y, cos, sin *float32)
TEXT ·rotateNEON(SB), NOSPLIT, $0-40
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD y+16(FP), R2
	MOVD cos+24(FP), R3
	MOVD sin+32(FP), R4

loop:
	VLD1   (R1), [X]
	VLD1   (R2), [Y]
	VLD1.P 64(R3), [Z]
	VLD1.P 64(R4), [V12.S4, V13.S4, V14.S4, V15.S4]
	ALL(FMUL, 16, 0, 8)
	ALL(FMUL, 20, 4, 12)
	ALL(FMUL, 24, 4, 8)
	ALL(FMUL, 28, 0, 12)
	ALL(FSUB, 0, 16, 20)
	ALL(FADD, 4, 24, 28)
	VST1.P [X], 64(R1)
	VST1.P [Y], 64(R2)
	SUBS   $16, R0
	BNE    loop
	RET

// func relu2ProductNEON(n int, dst, gate, up *float32)
TEXT ·relu2ProductNEON(SB), NOSPLIT, $0-32
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD gate+16(FP), R2
	MOVD up+24(FP), R3
	VEOR V31.B16, V31.B16, V31.B16

loop:
	VLD1.P 64(R2), [X]
	VLD1.P 64(R3), [Y]
	BY(FMAX, 0, 0, 31)
	ALL(FMUL, 0, 0, 0)
	ALL(FMUL, 0, 0, 4)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func relu2GradNEON(n int, dGate, dUp, gate, up, grad *float32)
TEXT ·relu2GradNEON(SB), NOSPLIT, $0-48
	MOVD n+0(FP), R0
	MOVD dGate+8(FP), R1
	MOVD dUp+16(FP), R2
	MOVD gate+24(FP), R3
	MOVD up+32(FP), R4
	MOVD grad+40(FP), R5
	VEOR V31.B16, V31.B16, V31.B16

loop:
	VLD1.P 64(R3), [X]
	VLD1.P 64(R4), [Y]
	VLD1.P 64(R5), [Z]
	BY(FMAX, 0, 0, 31)
	ALL(FADD, 16, 0, 0)
	ALL(FMUL, 4, 16, 4)
	ALL(FMUL, 4, 4, 8)
	ALL(FMUL, 0, 0, 0)
	ALL(FMUL, 0, 0, 8)
	VST1.P [Y], 64(R1)
	VST1.P [X], 64(R2)
	SUBS   $16, R0
	BNE    loop
	RET

// The gradient of a norm, w*(g*inverse) - x*f, to X.
#define NORMGRAD \
	VLD1.P 64(R2), [X] \
	VLD1.P 64(R3), [Y] \
	VLD1.P 64(R4), [Z] \
	BY(FMUL, 0, 0, 30) \
	ALL(FMUL, 0, 0, 8) \
	BY(FMLS, 0, 4, 31)

// func normGradNEON(n int, dst, grad, x, w *float32, inverse, f float32)
TEXT ·normGradNEON(SB), NOSPLIT, $0-48
	NORMARGUMENTS

loop:
	NORMGRAD
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func addNormGradNEON(n int, dst, grad, x, w *float32, inverse, f float32)
TEXT ·addNormGradNEON(SB), NOSPLIT, $0-48
	NORMARGUMENTS

loop:
	NORMGRAD
	VLD1   (R1), [Y]
	ALL(FADD, 0, 0, 4)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET
