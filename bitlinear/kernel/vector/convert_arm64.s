//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// func widenF16NEON(n int, dst *float32, x *uint16)
TEXT ·widenF16NEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R2

loop:
	VLD1.P 32(R2), [V4.H8, V5.H8]
	FCVTL(0, 4)
	FCVTL2(1, 4)
	FCVTL(2, 5)
	FCVTL2(3, 5)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// The 16 bytes of V4 become X. V5 and V6 are spare.
#define BYTES \
	SXTL8(5, 4) \
	SXTL8X2(6, 4) \
	SXTL16(0, 5) \
	SXTL16X2(1, 5) \
	SXTL16(2, 6) \
	SXTL16X2(3, 6) \
	ALL1(SCVTF, 0, 0)

// func widenInt8NEON(n int, dst *float32, x *int8)
TEXT ·widenInt8NEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R2

loop:
	VLD1.P 16(R2), [V4.B16]
	BYTES
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func narrowF16NEON(n int, dst *uint16, x *float32)
TEXT ·narrowF16NEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R2

loop:
	VLD1.P 64(R2), [X]
	FCVTN(4, 0)
	FCVTN2(4, 1)
	FCVTN(5, 2)
	FCVTN2(5, 3)
	VST1.P [V4.H8, V5.H8], 32(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// func floatsBF16NEON(n int, dst *float32, src *byte)
TEXT ·floatsBF16NEON(SB), NOSPLIT, $0-24
	MOVD n+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD src+16(FP), R2

loop:
	VLD1.P 32(R2), [V4.H8, V5.H8]
	SHLL(0, 4)
	SHLL2(1, 4)
	SHLL(2, 5)
	SHLL2(3, 5)
	VST1.P [X], 64(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// A block is a scale in half precision and 32 bytes.
//
// func floatsQ80NEON(blocks int, dst *float32, src *byte)
TEXT ·floatsQ80NEON(SB), NOSPLIT, $0-24
	MOVD blocks+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD src+16(FP), R2

loop:
	VLD1R.P 2(R2), [V16.H8]
	FCVTL(16, 16)
	VLD1.P  16(R2), [V4.B16]
	BYTES
	BY(FMUL, 0, 0, 16)
	VST1.P  [X], 64(R1)
	VLD1.P  16(R2), [V4.B16]
	BYTES
	BY(FMUL, 0, 0, 16)
	VST1.P  [X], 64(R1)
	SUBS    $1, R0
	BNE     loop
	RET

// Sixteen values of Q6_K: low nibbles in V4, the high pairs of them in bits 4 and 5 of V5, times
// lane i of a scale. V29 to V31 are the masks 15 and 0x30, and 32.
#define VALUES(scale, i) \
	VAND   V30.B16, V5.B16, V5.B16 \
	VORR   V5.B16, V4.B16, V4.B16 \
	VSUB   V31.B16, V4.B16, V4.B16 \
	BYTES \
	FMULBY(0, 0, scale, i) \
	FMULBY(1, 1, scale, i) \
	FMULBY(2, 2, scale, i) \
	FMULBY(3, 3, scale, i) \
	VST1.P [X], 64(R1)

// Of 128 values 32: the lower or upper nibbles of two registers, and pairs, as much to the left as
// to the right.
#define LOWER(low, pairs, left, scale, i) \
	VAND V29.B16, low.B16, V4.B16 \
	VSHL $left, pairs.B16, V5.B16 \
	VALUES(scale, i)

#define UPPER(low, pairs, right, scale, i) \
	VUSHR $4, low.B16, V4.B16 \
	VUSHR $right, pairs.B16, V5.B16 \
	VALUES(scale, i)

// 128 values, with the scales in two registers.
#define HALF(scale) \
	VLD1.P 64(R2), [V16.B16, V17.B16, V18.B16, V19.B16] \
	VLD1.P 32(R3), [V20.B16, V21.B16] \
	LOWER(V16, V20, 4, scale, 0) \
	LOWER(V17, V21, 4, scale, 1) \
	LOWER(V18, V20, 2, scale, 2) \
	LOWER(V19, V21, 2, scale, 3) \
	UPPERAS(V16, V20, scale+1, 0) \
	UPPERAS(V17, V21, scale+1, 1) \
	UPPER(V18, V20, 2, scale+1, 2) \
	UPPER(V19, V21, 2, scale+1, 3)

// UPPER with pairs that lie where they should.
#define UPPERAS(low, pairs, scale, i) \
	VUSHR $4, low.B16, V4.B16 \
	VMOV  pairs.B16, V5.B16 \
	VALUES(scale, i)

// A block is 128 bytes of low nibbles, 64 of high pairs, 16 scales, and the scale of those.
//
// func floatsQ6KNEON(blocks int, dst *float32, src *byte)
TEXT ·floatsQ6KNEON(SB), NOSPLIT, $0-24
	MOVD  blocks+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  src+16(FP), R2
	VMOVI $15, V29.B16
	VMOVI $0x30, V30.B16
	VMOVI $32, V31.B16

loop:
	ADD     $128, R2, R3
	ADD     $192, R2, R4
	VLD1.P  16(R4), [V4.B16]
	VLD1R.P 2(R4), [V28.H8]
	FCVTL(28, 28)
	BYTES
	BY(FMUL, 24, 0, 28)
	HALF(24)
	HALF(26)
	MOVD    R4, R2
	SUBS    $1, R0
	BNE     loop
	RET
