//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The constants of Exp: log2(e), log(2) in two parts, the polynomial, 1, the floor, the ceiling,
// infinity, and the integer 126.
DATA ·expConstants<>+0(SB)/4, $0x3fb8aa3b
DATA ·expConstants<>+4(SB)/4, $0x3f318000
DATA ·expConstants<>+8(SB)/4, $0x395e8083
DATA ·expConstants<>+12(SB)/4, $0x39506967
DATA ·expConstants<>+16(SB)/4, $0x3ab743ce
DATA ·expConstants<>+20(SB)/4, $0x3c088908
DATA ·expConstants<>+24(SB)/4, $0x3d2aa9c1
DATA ·expConstants<>+28(SB)/4, $0x3e2aaaaa
DATA ·expConstants<>+32(SB)/4, $0x3f000000
DATA ·expConstants<>+36(SB)/4, $0x3f800000
DATA ·expConstants<>+40(SB)/4, $0xc2ad0000
DATA ·expConstants<>+44(SB)/4, $0x42b16666
DATA ·expConstants<>+48(SB)/4, $0x7f800000
DATA ·expConstants<>+52(SB)/4, $126
GLOBL ·expConstants<>(SB), RODATA|NOPTR, $56

#define EXPCONSTANTS \
	MOVD    $·expConstants<>(SB), R10 \
	VLD4R.P 16(R10), [V16.S4, V17.S4, V18.S4, V19.S4] \
	VLD4R.P 16(R10), [V20.S4, V21.S4, V22.S4, V23.S4] \
	VLD4R.P 16(R10), [V24.S4, V25.S4, V26.S4, V27.S4] \
	VLD2R   (R10), [V28.S4, V29.S4]

#define STEP(c) \
	FMUL(5, 5, 6) \
	FADD(5, 5, c)

// Register t becomes e^t, step by step as Exp does; V4 to V6 are spare.
#define EXP(t) \
	FMUL(4, t, 16) \
	FRINTN(4, 4) \
	FMUL(6, 4, 17) \
	FSUB(6, t, 6) \
	FMUL(5, 4, 18) \
	FADD(6, 6, 5) \
	FMUL(5, 19, 6) \
	FADD(5, 5, 20) \
	STEP(21) \
	STEP(22) \
	STEP(23) \
	STEP(24) \
	FMUL(5, 5, 6) \
	STEP(6) \
	FADD(5, 5, 25) \
	FCVTNS(4, 4) \
	VADD V29.S4, V4.S4, V4.S4 \
	VSHL $23, V4.S4, V4.S4 \
	FMUL(5, 5, 4) \
	FADD(5, 5, 5) \
	FCMGT(6, 26, t) \
	FCMGT(4, t, 27) \
	BICV(t, 5, 6) \
	BITS(t, 28, 4)

// The bits of n where those of m are set.
#define BITS(d, n, m) WORD $(0x6EA01C00 | (m) << 16 | (n) << 5 | (d))

#define ALLEXP(t) \
	EXP(t) \
	EXP(t+1) \
	EXP(t+2) \
	EXP(t+3)

#define EXPARGUMENTS \
	MOVD  n+0(FP), R0 \
	MOVD  x+8(FP), R1 \
	FMOVS scale+16(FP), F30 \
	FMOVS top+20(FP), F31 \
	SPLAT(V30) \
	SPLAT(V31) \
	EXPCONSTANTS \
	ZEROS(8)

// func expScaledNEON(n int, x *float32, scale, top float32) float32
TEXT ·expScaledNEON(SB), NOSPLIT, $0-28
	EXPARGUMENTS

loop:
	VLD1   (R1), [X]
	BY(FSUB, 0, 0, 31)
	BY(FMUL, 0, 0, 30)
	ALLEXP(0)
	ALL(FADD, 8, 8, 0)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	FOLD(FADD, 8)
	FMOVS  F8, ret+24(FP)
	RET

// func expSumNEON(n int, x *float32, scale, top float32) float32
TEXT ·expSumNEON(SB), NOSPLIT, $0-28
	EXPARGUMENTS

loop:
	VLD1.P 64(R1), [X]
	BY(FSUB, 0, 0, 31)
	BY(FMUL, 0, 0, 30)
	ALLEXP(0)
	ALL(FADD, 8, 8, 0)
	SUBS   $16, R0
	BNE    loop
	FOLD(FADD, 8)
	FMOVS  F8, ret+24(FP)
	RET

#define INVERSE(d) FDIV(d, 25, d)

// X becomes the sigmoid of Z.
#define SIGMOID \
	ALL1(FNEG, 0, 8) \
	ALLEXP(0) \
	BY(FADD, 0, 0, 25) \
	INVERSE(0) \
	INVERSE(1) \
	INVERSE(2) \
	INVERSE(3)

// func siluProductNEON(n int, dst, gate, up *float32)
TEXT ·siluProductNEON(SB), NOSPLIT, $0-32
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD gate+16(FP), R2
	MOVD up+24(FP), R3
	EXPCONSTANTS

loop:
	VLD1.P 64(R2), [Z]
	SIGMOID
	VLD1.P 64(R3), [Y]
	ALL(FMUL, 0, 8, 0)
	ALL(FMUL, 0, 0, 4)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

#define ONEMINUS(d, n) FSUB(d, 25, n)

// s*(1+g*(1-s))*up*grad and g*s*grad, with s in X, g in Z and grad in V12 to V15.
//
// func siluGradNEON(n int, dGate, dUp, gate, up, grad *float32)
TEXT ·siluGradNEON(SB), NOSPLIT, $0-48
	MOVD n+0(FP), R0
	MOVD dGate+8(FP), R1
	MOVD dUp+16(FP), R2
	MOVD gate+24(FP), R3
	MOVD up+32(FP), R4
	MOVD grad+40(FP), R5
	EXPCONSTANTS

loop:
	VLD1.P 64(R3), [Z]
	SIGMOID
	VLD1.P 64(R5), [V12.S4, V13.S4, V14.S4, V15.S4]
	ALL1(ONEMINUS, 4, 0)
	ALL(FMUL, 4, 8, 4)
	BY(FADD, 4, 4, 25)
	ALL(FMUL, 4, 0, 4)
	ALL(FMUL, 0, 8, 0)
	ALL(FMUL, 0, 0, 12)
	VLD1.P 64(R4), [Z]
	ALL(FMUL, 4, 4, 8)
	ALL(FMUL, 4, 4, 12)
	VST1.P [Y], 64(R1)
	VST1.P [X], 64(R2)
	SUBS   $16, R0
	BNE    loop
	RET
