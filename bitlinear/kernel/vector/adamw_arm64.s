//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The fields of AdamW go to V24 to V31.
#define FIELDS \
	VLD4R.P 16(R5), [V24.S4, V25.S4, V26.S4, V27.S4] \
	VLD4R   (R5), [V28.S4, V29.S4, V30.S4, V31.S4]

// m and v move towards the gradient g and its square. V20 is spare.
#define MOMENTS(m, v, g) \
	FMUL(g, g, 24) \
	FSUB(20, g, m) \
	FMUL(20, 20, 25) \
	FADD(m, m, 20) \
	FMUL(v, v, 26) \
	FMUL(20, g, 27) \
	FMUL(20, 20, g) \
	FADD(v, v, 20)

// x moves; m and v stay. V20 and V21 are spare.
#define MOVE(x, m, v) \
	FSQRT(20, v) \
	FMUL(20, 20, 28) \
	FADD(20, 20, 29) \
	FMUL(21, m, 31) \
	FDIV(21, 21, 20) \
	FMUL(x, x, 30) \
	FSUB(x, x, 21)

// Streams of memory are fetched from the page that comes next.
#define AHEAD(R) PRFM 4096(R), PLDL1KEEP

// func adamWNEON(n int, value, m, v, grad, step *float32)
TEXT ·adamWNEON(SB), NOSPLIT, $0-48
	MOVD n+0(FP), R0
	MOVD value+8(FP), R1
	MOVD m+16(FP), R2
	MOVD v+24(FP), R3
	MOVD grad+32(FP), R4
	MOVD step+40(FP), R5
	FIELDS

loop:
	AHEAD(R1)
	AHEAD(R2)
	AHEAD(R3)
	AHEAD(R4)
	VLD1   (R2), [X]
	VLD1   (R3), [Y]
	VLD1.P 64(R4), [Z]
	ALL(MOMENTS, 0, 4, 8)
	VLD1   (R1), [Z]
	ALL(MOVE, 8, 0, 4)
	VST1.P [X], 64(R2)
	VST1.P [Y], 64(R3)
	VST1.P [Z], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// The numbers of lanes.
DATA ·laneNumbers<>+0(SB)/8, $0x0000000100000000
DATA ·laneNumbers<>+8(SB)/8, $0x0000000300000002
GLOBL ·laneNumbers<>(SB), RODATA|NOPTR, $16

// V22 becomes mix32 of the key xor the numbers of four lanes, which go on by four; V23 is spare. The
// factors are V18 and V19, the key V16, the numbers V17, and 4 is V15.
#define RANDOM \
	VEOR  V16.B16, V17.B16, V22.B16 \
	VADD  V15.S4, V17.S4, V17.S4 \
	VUSHR $16, V22.S4, V23.S4 \
	VEOR  V23.B16, V22.B16, V22.B16 \
	MULV(22, 22, 18) \
	VUSHR $13, V22.S4, V23.S4 \
	VEOR  V23.B16, V22.B16, V22.B16 \
	MULV(22, 22, 19) \
	VUSHR $16, V22.S4, V23.S4 \
	VEOR  V23.B16, V22.B16, V22.B16

// Adds 16 random bits each to m, those below, and v, those above.
#define DITHER(m, v) \
	RANDOM \
	VSHL  $16, V22.S4, V23.S4 \
	VUSHR $16, V23.S4, V23.S4 \
	VADD  V23.S4, m.S4, m.S4 \
	VUSHR $16, V22.S4, V22.S4 \
	VADD  V22.S4, v.S4, v.S4

// Eight values: those of m and v in V0, V1 and V4, V5, the gradient in V8 and V9, the values in V10 and V11.
//
// func adamWBF16NEON(n int, value *float32, m, v *uint16, grad, step *float32, first, key uint32)
TEXT ·adamWBF16NEON(SB), NOSPLIT, $0-56
	MOVD  n+0(FP), R0
	MOVD  value+8(FP), R1
	MOVD  m+16(FP), R2
	MOVD  v+24(FP), R3
	MOVD  grad+32(FP), R4
	MOVD  step+40(FP), R5
	MOVWU first+48(FP), R6
	MOVWU key+52(FP), R7
	FIELDS
	VDUP  R7, V16.S4
	VDUP  R6, V17.S4
	MOVD  $·laneNumbers<>(SB), R10
	VLD1  (R10), [V18.S4]
	VADD  V18.S4, V17.S4, V17.S4
	MOVD  $0x85ebca6b, R10
	VDUP  R10, V18.S4
	MOVD  $0xc2b2ae35, R10
	VDUP  R10, V19.S4
	VMOVI $4, V15.B16
	VUSHR $24, V15.S4, V15.S4

loop:
	AHEAD(R1)
	AHEAD(R2)
	AHEAD(R3)
	AHEAD(R4)
	VLD1   (R2), [V2.H8]
	VLD1   (R3), [V6.H8]
	VLD1.P 32(R4), [V8.S4, V9.S4]
	VLD1   (R1), [V10.S4, V11.S4]
	SHLL(0, 2)
	SHLL2(1, 2)
	SHLL(4, 6)
	SHLL2(5, 6)
	MOMENTS(0, 4, 8)
	MOMENTS(1, 5, 9)
	MOVE(10, 0, 4)
	MOVE(11, 1, 5)
	DITHER(V0, V4)
	DITHER(V1, V5)
	VUZP2  V1.H8, V0.H8, V2.H8
	VUZP2  V5.H8, V4.H8, V6.H8
	VST1.P [V10.S4, V11.S4], 32(R1)
	VST1.P [V2.H8], 16(R2)
	VST1.P [V6.H8], 16(R3)
	SUBS   $8, R0
	BNE    loop
	RET
