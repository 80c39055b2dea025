//go:build !purego

#include "textflag.h"
#include "dot_arm64.h"

// Vectors of four floats: the smaller, the larger; to int32, to nearest and half to even.
#define FMIN(d, n, m) WORD $(0x4EA0F400 | (m) << 16 | (n) << 5 | (d))
#define FMAX(d, n, m) WORD $(0x4E20F400 | (m) << 16 | (n) << 5 | (d))
#define FCVTNS(d, n) WORD $(0x4E21A800 | (n) << 5 | (d))

// Sums of neighbouring bytes of n in 16 bits; those of 16 bits, added to d in 32 bits.
#define SADDLP(d, n) WORD $(0x4E202800 | (n) << 5 | (d))
#define SADALP(d, n) WORD $(0x4E606800 | (n) << 5 | (d))

// An instruction on four registers from d and n on, by one register.
#define BY(op, d, n, m) \
	op(d, n, m) \
	op(d+1, n+1, m) \
	op(d+2, n+2, m) \
	op(d+3, n+3, m)

#define EACH(op, d, n) \
	op(d, n) \
	op(d+1, n+1) \
	op(d+2, n+2) \
	op(d+3, n+3)

// func rescaleSumsNEON(tokens int, dst *float32, width int, x *int32, factor *float32)
TEXT ·rescaleSumsNEON(SB), NOSPLIT, $0-40
	MOVD tokens+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD width+16(FP), R2
	MOVD x+24(FP), R3
	MOVD factor+32(FP), R4

loop:
	VLD1R.P 4(R4), [V4.S4]
	VLD1.P  64(R3), [V0.S4, V1.S4, V2.S4, V3.S4]
	EACH(SCVTF, 0, 0)
	BY(FMUL, 0, 0, 4)
	VST1    [V0.S4, V1.S4, V2.S4, V3.S4], (R1)
	ADD     R2<<2, R1
	SUBS    $1, R0
	BNE     loop
	RET

// func addScaledNEON(tokens int, dst *float32, width int, x *int32, stride int, factor *float32, scale *uint16)
TEXT ·addScaledNEON(SB), NOSPLIT, $0-56
	MOVD tokens+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD width+16(FP), R2
	MOVD x+24(FP), R3
	MOVD stride+32(FP), R5
	MOVD factor+40(FP), R4
	MOVD scale+48(FP), R6
	VLD1 (R6), [V8.H8, V9.H8]
	FCVTL(20, 8)
	FCVTL2(21, 8)
	FCVTL(22, 9)
	FCVTL2(23, 9)
	VEOR V29.B16, V29.B16, V29.B16

loop:
	VLD1R.P 4(R4), [V30.S4]
	VLD1    (R3), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1    (R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	SCALED(0, 20, 4)
	SCALED(1, 21, 5)
	SCALED(2, 22, 6)
	SCALED(3, 23, 7)
	VST1    [V4.S4, V5.S4, V6.S4, V7.S4], (R1)
	ADD     R5<<2, R3
	ADD     R2<<2, R1
	SUBS    $1, R0
	BNE     loop
	RET

// func sumInt8NEON(n int, x *int8) int32
TEXT ·sumInt8NEON(SB), NOSPLIT, $0-20
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	VEOR V0.B16, V0.B16, V0.B16

loop:
	VLD1.P 16(R1), [V1.B16]
	SADDLP(1, 1)
	SADALP(0, 1)
	SUBS   $16, R0
	BNE    loop
	VADDV  V0.S4, V0
	VMOV   V0.S[0], R3
	MOVW   R3, ret+16(FP)
	RET

// 1, -1, and the integer 1.
DATA ·codeConstants<>+0(SB)/4, $0x3f800000
DATA ·codeConstants<>+4(SB)/4, $0xbf800000
DATA ·codeConstants<>+8(SB)/4, $1
GLOBL ·codeConstants<>(SB), RODATA|NOPTR, $12

// func ternaryCodesNEON(n int, dst *uint32, w *float32, factor float32)
TEXT ·ternaryCodesNEON(SB), NOSPLIT, $0-28
	MOVD  n+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  w+16(FP), R2
	FMOVS factor+24(FP), F8
	VDUP  V8.S[0], V8.S4
	MOVD  $·codeConstants<>(SB), R3
	VLD3R (R3), [V9.S4, V10.S4, V11.S4]

loop:
	VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	BY(FMUL, 0, 0, 8)
	BY(FMIN, 0, 0, 9)
	BY(FMAX, 0, 0, 10)
	EACH(FCVTNS, 0, 0)
	BY(ADDI, 0, 0, 11)
	VUZP1  V1.H8, V0.H8, V0.H8
	VUZP1  V3.H8, V2.H8, V2.H8
	VUZP1  V2.B16, V0.B16, V0.B16
	VST1.P [V0.B16], 16(R1)
	SUBS   $16, R0
	BNE    loop
	RET

// Byte e of four words is at 4e.
DATA ·byteTranspose<>+0(SB)/8, $0x0d0905010c080400
DATA ·byteTranspose<>+8(SB)/8, $0x0f0b07030e0a0602
GLOBL ·byteTranspose<>(SB), RODATA|NOPTR, $16

// Four rows of a line, whose bytes have four columns in two bits each: those in the lowest bits, in the next, and so on.
#define FOURROWS \
	VLD1.P 16(R3), [V16.B16] \
	VTBL V30.B16, [V16.B16], V3.B16 \
	VAND V28.B16, V3.B16, V0.B16 \
	VUSHR $2, V3.B16, V1.B16 \
	VUSHR $4, V3.B16, V2.B16 \
	VUSHR $6, V3.B16, V3.B16 \
	VAND V28.B16, V1.B16, V1.B16 \
	VAND V28.B16, V2.B16, V2.B16 \
	VSUB V29.B16, V0.B16, V0.B16 \
	VSUB V29.B16, V1.B16, V1.B16 \
	VSUB V29.B16, V2.B16, V2.B16 \
	VSUB V29.B16, V3.B16, V3.B16 \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R4)

// func ternaryQuadsNEON(lines int, dst *byte, distance int, codes *byte)
TEXT ·ternaryQuadsNEON(SB), NOSPLIT, $0-32
	MOVD  lines+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  distance+16(FP), R2
	MOVD  codes+24(FP), R3
	MOVD  $·byteTranspose<>(SB), R4
	VLD1  (R4), [V30.B16]
	VMOVI $3, V28.B16
	VMOVI $1, V29.B16

loop:
	MOVD R1, R4
	FOURROWS
	FOURROWS
	FOURROWS
	FOURROWS
	ADD  R2, R1
	SUBS $1, R0
	BNE  loop
	RET
