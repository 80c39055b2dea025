//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Signs of the lanes of pairs that lie one and two apart.
DATA ·hadamardSigns<>+0(SB)/8, $0xbf8000003f800000
DATA ·hadamardSigns<>+8(SB)/8, $0xbf8000003f800000
DATA ·hadamardSigns<>+16(SB)/8, $0x3f8000003f800000
DATA ·hadamardSigns<>+24(SB)/8, $0xbf800000bf800000
GLOBL ·hadamardSigns<>(SB), RODATA|NOPTR, $32

// Each lane, its sign turned in the upper one of a pair, is added to its partner in V16 to V19; a
// product with 1 or -1 is exact.
#define STAGE(partner, signs) \
	ALL1(partner, 16, 0) \
	BY(FMLA, 16, 0, signs) \
	ALL1(COPY, 0, 16)

#define COPY(d, n) WORD $(0x4EA01C00 | (n) << 16 | (n) << 5 | (d))

// a and b become their sum and difference. V16 is spare.
#define BUTTERFLY(a, b) \
	FSUB(16, a, b) \
	FADD(a, a, b) \
	COPY(b, 16)

// func hadamard16NEON(n int, x *float32, f float32)
TEXT ·hadamard16NEON(SB), NOSPLIT, $0-20
	MOVD  n+0(FP), R0
	MOVD  x+8(FP), R1
	FMOVS f+16(FP), F30
	SPLAT(V30)
	MOVD  $·hadamardSigns<>(SB), R10
	VLD1  (R10), [V20.S4, V21.S4]

loop:
	VLD1   (R1), [X]
	BY(FMUL, 0, 0, 30)
	STAGE(SWAP, 20)
	STAGE(TURN2, 21)
	BUTTERFLY(0, 1)
	BUTTERFLY(2, 3)
	BUTTERFLY(0, 2)
	BUTTERFLY(1, 3)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

#define BUTTERFLIES(a, b) \
	BUTTERFLY(a, b) \
	BUTTERFLY(a+1, b+1) \
	BUTTERFLY(a+2, b+2) \
	BUTTERFLY(a+3, b+3)

// func butterflies2NEON(n int, x *float32, h int)
TEXT ·butterflies2NEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD h+16(FP), R5

groups:
	ADD  R5<<2, R1, R2
	MOVD R5, R6

values:
	VLD1   (R1), [X]
	VLD1   (R2), [Y]
	BUTTERFLIES(0, 4)
	VST1.P [X], 64(R1)
	VST1.P [Y], 64(R2)
	SUBS   $16, R6
	BNE    values
	MOVD   R2, R1
	SUBS   R5<<1, R0
	BNE    groups
	RET

#define W V12.S4, V13.S4, V14.S4, V15.S4

// func butterflies4NEON(n int, x *float32, h int)
TEXT ·butterflies4NEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD h+16(FP), R5

groups:
	ADD  R5<<2, R1, R2
	ADD  R5<<2, R2, R3
	ADD  R5<<2, R3, R4
	MOVD R5, R6

values:
	VLD1   (R1), [X]
	VLD1   (R2), [Y]
	VLD1   (R3), [Z]
	VLD1   (R4), [W]
	BUTTERFLIES(0, 4)
	BUTTERFLIES(8, 12)
	BUTTERFLIES(0, 8)
	BUTTERFLIES(4, 12)
	VST1.P [X], 64(R1)
	VST1.P [Y], 64(R2)
	VST1.P [Z], 64(R3)
	VST1.P [W], 64(R4)
	SUBS   $16, R6
	BNE    values
	MOVD   R4, R1
	SUBS   R5<<2, R0
	BNE    groups
	RET
