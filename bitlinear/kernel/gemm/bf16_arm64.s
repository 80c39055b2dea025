//go:build !purego

#include "textflag.h"

// Instructions that the assembler does not know, as words (Arm Architecture Reference Manual, C7.2).
// d, n and m are numbers of vector registers.

// Four bfloat16 of each half of n times those of each half of m, added to d: n0*m0, n0*m1, n1*m0, n1*m1.
#define BFMMLA(d, n, m) WORD $(0x6E40EC00 | (m) << 16 | (n) << 5 | (d))

// Four floats rounded to bfloat16, to nearest and half to even, into the lower and the upper half of d.
#define BFCVTN(d, n) WORD $(0x0EA16800 | (n) << 5 | (d))
#define BFCVTN2(d, n) WORD $(0x4EA16800 | (n) << 5 | (d))

// Lower halves of n and m; upper halves.
#define ZIP1D(d, n, m) WORD $(0x4EC03800 | (m) << 16 | (n) << 5 | (d))
#define ZIP2D(d, n, m) WORD $(0x4EC07800 | (m) << 16 | (n) << 5 | (d))

// Four floats: sums, products, the smaller, the larger, rounded to integers; bytes and 16 bits widened; to floats.
#define FADD(d, n, m) WORD $(0x4E20D400 | (m) << 16 | (n) << 5 | (d))
#define FMUL(d, n, m) WORD $(0x6E20DC00 | (m) << 16 | (n) << 5 | (d))
#define FMIN(d, n, m) WORD $(0x4EA0F400 | (m) << 16 | (n) << 5 | (d))
#define FMAX(d, n, m) WORD $(0x4E20F400 | (m) << 16 | (n) << 5 | (d))
#define FRINTN(d, n) WORD $(0x4E218800 | (n) << 5 | (d))
#define SXTL8(d, n) WORD $(0x0F08A400 | (n) << 5 | (d))
#define SXTL8X2(d, n) WORD $(0x4F08A400 | (n) << 5 | (d))
#define SXTL16(d, n) WORD $(0x0F10A400 | (n) << 5 | (d))
#define SXTL16X2(d, n) WORD $(0x4F10A400 | (n) << 5 | (d))
#define SCVTF(d, n) WORD $(0x4E21D800 | (n) << 5 | (d))

// An instruction on four registers from d and n on, by one register.
#define BY(op, d, n, m) \
	op(d, n, m) \
	op(d+1, n+1, m) \
	op(d+2, n+2, m) \
	op(d+3, n+3, m)

#define CLEAR(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

// Eight values of two rows at off and off+64 from R10: the first four of both go to register d, the others to d+1.
#define TWOROWS(off, d) \
	FMOVQ (off)(R10), F24 \
	FMOVQ (off+64)(R10), F25 \
	ZIP1D(d, 24, 25) \
	ZIP2D(d+1, 24, 25)

// Two pairs of rows of eight columns become eight columns of four values in V28 to V31.
#define COLUMNS \
	VLD1  (R11), [V24.B16, V25.B16] \
	ADD   $64, R11 \
	VLD1  (R11), [V26.B16, V27.B16] \
	ADD   $64, R11 \
	VZIP1 V26.S4, V24.S4, V28.S4 \
	VZIP2 V26.S4, V24.S4, V29.S4 \
	VZIP1 V27.S4, V25.S4, V30.S4 \
	VZIP2 V27.S4, V25.S4, V31.S4

#define TIMES(a, x) \
	BFMMLA(a, x, 28) \
	BFMMLA(a+1, x, 29) \
	BFMMLA(a+2, x, 30) \
	BFMMLA(a+3, x, 31)

// Eight values of eight rows and columns.
#define EIGHTVALUES \
	TWOROWS(0, 16) \
	TWOROWS(128, 18) \
	TWOROWS(256, 20) \
	TWOROWS(384, 22) \
	ADD $16, R10 \
	COLUMNS \
	TIMES(0, 16) \
	TIMES(4, 18) \
	TIMES(8, 20) \
	TIMES(12, 22) \
	COLUMNS \
	TIMES(0, 17) \
	TIMES(4, 19) \
	TIMES(8, 21) \
	TIMES(12, 23)

// A row of eight sums at R13, to which they are added if R7 is not 0.
#define STOREROW(s, a, b) \
	CBZ  R7, 4(PC) \
	VLD1 (R13), [V20.S4, V21.S4] \
	FADD(s, s, 20) \
	FADD(s+1, s+1, 21) \
	VST1 [a.S4, b.S4], (R13) \
	ADD  $128, R13

// The sums of two rows from register a on.
#define STORETWO(a) \
	ZIP1D(16, a, a+1) \
	ZIP1D(17, a+2, a+3) \
	ZIP2D(18, a, a+1) \
	ZIP2D(19, a+2, a+3) \
	STOREROW(16, V16, V17) \
	STOREROW(18, V18, V19)

// Eight rows by eight columns at a time, 16 registers of two by two sums: R14 counts eights of rows, R15 of
// columns.
//
// func tilesBFMMLA(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, next *byte)
TEXT ·tilesBFMMLA(SB), NOSPLIT, $0-72
	MOVD panels+0(FP), R0
	MOVD steps+8(FP), R1
	MOVD w+16(FP), R2
	MOVD blockBytes+24(FP), R3
	MOVD x+32(FP), R4
	MOVD panelBytes+40(FP), R5
	MOVD dst+48(FP), R6
	MOVD more+56(FP), R7

panel:
	MOVD R4, R8
	MOVD $4, R14

rows:
	MOVD R2, R9
	MOVD R6, R12
	MOVD $4, R15

columns:
	CLEAR(V0, V1, V2, V3)
	CLEAR(V4, V5, V6, V7)
	CLEAR(V8, V9, V10, V11)
	CLEAR(V12, V13, V14, V15)
	MOVD R8, R10
	MOVD R9, R11
	MOVD R1, R16

step:
	EIGHTVALUES
	EIGHTVALUES
	EIGHTVALUES
	EIGHTVALUES
	ADD  $(2048-64), R10
	SUBS $1, R16
	BNE  step
	MOVD R12, R13
	STORETWO(0)
	STORETWO(4)
	STORETWO(8)
	STORETWO(12)
	ADD  $32, R12
	ADD  $32, R9
	SUBS $1, R15
	BEQ  next
	TBNZ $0, R15, columns // 3 and 1 are the second half of a block
	ADD  R3, R2, R9
	B    columns

next:
	ADD  $512, R8
	ADD  $1024, R6
	SUBS $1, R14
	BNE  rows
	ADD  R5, R4
	SUBS $1, R0
	BNE  panel
	RET

// The sixteen floats of V0 to V3 become V4 and V5 in bfloat16.
#define HALVES \
	BFCVTN(4, 0) \
	BFCVTN2(4, 1) \
	BFCVTN(5, 2) \
	BFCVTN2(5, 3)

// func bf16Row512(steps int, dst *byte, dstStep int, x *float32, factor float32)
TEXT ·bf16Row512(SB), NOSPLIT, $0-36
	MOVD  steps+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  dstStep+16(FP), R2
	MOVD  x+24(FP), R3
	FMOVS factor+32(FP), F30
	VDUP  V30.S[0], V30.S4

loop:
	VLD1.P 64(R3), [V0.S4, V1.S4, V2.S4, V3.S4]
	BY(FMUL, 0, 0, 30)
	HALVES
	VMOV   V4.B16, V16.B16
	VMOV   V5.B16, V17.B16
	VLD1.P 64(R3), [V0.S4, V1.S4, V2.S4, V3.S4]
	BY(FMUL, 0, 0, 30)
	BFCVTN(18, 0)
	BFCVTN2(18, 1)
	BFCVTN(19, 2)
	BFCVTN2(19, 3)
	VST1   [V16.B16, V17.B16, V18.B16, V19.B16], (R1)
	ADD    R2, R1
	SUBS   $1, R0
	BNE    loop
	RET

// 16 pairs of a row in V16 and V17 and of one in V4 and V5.
#define STOREPAIRS \
	VZIP1 V4.H8, V16.H8, V18.H8 \
	VZIP2 V4.H8, V16.H8, V19.H8 \
	VZIP1 V5.H8, V17.H8, V20.H8 \
	VZIP2 V5.H8, V17.H8, V21.H8 \
	VST1.P [V18.B16, V19.B16, V20.B16, V21.B16], 64(R1)

#define FIRST \
	VMOV V4.B16, V16.B16 \
	VMOV V5.B16, V17.B16

// 16 floats of a row at R3; the next row is R4 floats behind.
#define ROW \
	VLD1 (R3), [V0.S4, V1.S4, V2.S4, V3.S4] \
	ADD  R4<<2, R3

#define TERNARYROW \
	ROW \
	BY(FMUL, 0, 0, 30) \
	BY(FMIN, 0, 0, 28) \
	BY(FMAX, 0, 0, 29) \
	FRINTN(0, 0) \
	FRINTN(1, 1) \
	FRINTN(2, 2) \
	FRINTN(3, 3) \
	BY(FADD, 0, 0, 31)

#define BYTEROW \
	VLD1 (R3), [V4.B16] \
	ADD  R4, R3 \
	SXTL8(5, 4) \
	SXTL8X2(6, 4) \
	SXTL16(0, 5) \
	SXTL16X2(1, 5) \
	SXTL16(2, 6) \
	SXTL16X2(3, 6) \
	SCVTF(0, 0) \
	SCVTF(1, 1) \
	SCVTF(2, 2) \
	SCVTF(3, 3)

// func bf16Pairs512(pairs int, dst *byte, x *float32, ld int)
TEXT ·bf16Pairs512(SB), NOSPLIT, $0-32
	MOVD pairs+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R3
	MOVD ld+24(FP), R4

loop:
	ROW
	HALVES
	FIRST
	ROW
	HALVES
	STOREPAIRS
	SUBS $1, R0
	BNE  loop
	RET

DATA ·ternaryLimits<>+0(SB)/4, $0x3f800000
DATA ·ternaryLimits<>+4(SB)/4, $0xbf800000
GLOBL ·ternaryLimits<>(SB), RODATA|NOPTR, $8

// V31 is zero: with it, zeros have no sign.
//
// func bf16TernaryPairs512(pairs int, dst *byte, x *float32, ld int, inverse float32)
TEXT ·bf16TernaryPairs512(SB), NOSPLIT, $0-36
	MOVD  pairs+0(FP), R0
	MOVD  dst+8(FP), R1
	MOVD  x+16(FP), R3
	MOVD  ld+24(FP), R4
	FMOVS inverse+32(FP), F30
	VDUP  V30.S[0], V30.S4
	MOVD  $·ternaryLimits<>(SB), R5
	VLD2R (R5), [V28.S4, V29.S4]
	VEOR  V31.B16, V31.B16, V31.B16

loop:
	TERNARYROW
	HALVES
	FIRST
	TERNARYROW
	HALVES
	STOREPAIRS
	SUBS $1, R0
	BNE  loop
	RET

// func bf16Int8Pairs512(pairs int, dst *byte, x *int8, ld int)
TEXT ·bf16Int8Pairs512(SB), NOSPLIT, $0-32
	MOVD pairs+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R3
	MOVD ld+24(FP), R4

loop:
	BYTEROW
	HALVES
	FIRST
	BYTEROW
	HALVES
	STOREPAIRS
	SUBS $1, R0
	BNE  loop
	RET

// Four words of four lines, V0 to V3, become lines of words, 64 bytes apart from R6 on.
#define STOREWORDS \
	VZIP1 V2.S4, V0.S4, V4.S4 \
	VZIP2 V2.S4, V0.S4, V5.S4 \
	VZIP1 V3.S4, V1.S4, V6.S4 \
	VZIP2 V3.S4, V1.S4, V7.S4 \
	VZIP1 V6.S4, V4.S4, V16.S4 \
	VZIP2 V6.S4, V4.S4, V17.S4 \
	VZIP1 V7.S4, V5.S4, V18.S4 \
	VZIP2 V7.S4, V5.S4, V19.S4 \
	FMOVQ F16, (R6) \
	FMOVQ F17, 64(R6) \
	FMOVQ F18, 128(R6) \
	FMOVQ F19, 192(R6)

// Eight floats of a row become four pairs in register d.
#define PAIRSOFROW(d) \
	VLD1 (R7), [V20.S4, V21.S4] \
	ADD  R4<<2, R7 \
	BFCVTN(d, 20) \
	BFCVTN2(d, 21)

// Four rows and pairs at a time: R9 counts rows, R8 pairs.
//
// func bf16PairsOfRows512(steps int, dst *byte, x *float32, ld int)
TEXT ·bf16PairsOfRows512(SB), NOSPLIT, $0-32
	MOVD steps+0(FP), R0
	MOVD dst+8(FP), R1
	MOVD x+16(FP), R3
	MOVD ld+24(FP), R4
	LSL  $2, R0 // four pairs of all rows at a time

pairs:
	MOVD R3, R7
	MOVD R1, R6
	MOVD $4, R9

rows:
	PAIRSOFROW(0)
	PAIRSOFROW(1)
	PAIRSOFROW(2)
	PAIRSOFROW(3)
	STOREWORDS
	ADD  $16, R6
	SUBS $1, R9
	BNE  rows
	ADD  $32, R3
	ADD  $256, R1
	SUBS $1, R0
	BNE  pairs
	RET

// Four columns of two rows become pairs in register d.
#define PAIRSOFCOLUMNS(d) \
	VLD1  (R7), [V20.S4] \
	ADD   R4<<2, R7 \
	VLD1  (R7), [V21.S4] \
	ADD   R4<<2, R7 \
	BFCVTN(20, 20) \
	BFCVTN(21, 21) \
	VZIP1 V21.H8, V20.H8, d.H8

// Eight rows of four columns at a time.
//
// func bf16Columns512(dst *byte, x *float32, ld int)
TEXT ·bf16Columns512(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R1
	MOVD x+8(FP), R3
	MOVD ld+16(FP), R4
	MOVD $4, R0

columns:
	MOVD R3, R7
	MOVD R1, R6
	MOVD $4, R9

rows:
	PAIRSOFCOLUMNS(V0)
	PAIRSOFCOLUMNS(V1)
	PAIRSOFCOLUMNS(V2)
	PAIRSOFCOLUMNS(V3)
	STOREWORDS
	ADD  $16, R6
	SUBS $1, R9
	BNE  rows
	ADD  $16, R3
	ADD  $256, R1
	SUBS $1, R0
	BNE  columns
	RET

// Eight words of two rows become pairs: of the first four words in a, of the others in b.
#define PAIRSOFWORDS(a, b) \
	VLD1  (R7), [V20.H8] \
	ADD   $64, R7 \
	VLD1  (R7), [V21.H8] \
	ADD   $64, R7 \
	VZIP1 V21.H8, V20.H8, a.H8 \
	VZIP2 V21.H8, V20.H8, b.H8

// Eight rows of eight words at a time.
//
// func bf16Transpose512(dst, x *byte)
TEXT ·bf16Transpose512(SB), NOSPLIT, $0-16
	MOVD dst+0(FP), R1
	MOVD x+8(FP), R3
	MOVD $4, R0

columns:
	MOVD R3, R7
	MOVD R1, R6
	MOVD $4, R9

rows:
	PAIRSOFWORDS(V0, V8)
	PAIRSOFWORDS(V1, V9)
	PAIRSOFWORDS(V2, V10)
	PAIRSOFWORDS(V3, V11)
	STOREWORDS
	ADD  $256, R6
	VMOV V8.B16, V0.B16
	VMOV V9.B16, V1.B16
	VMOV V10.B16, V2.B16
	VMOV V11.B16, V3.B16
	STOREWORDS
	SUB  $(256-16), R6
	SUBS $1, R9
	BNE  rows
	ADD  $16, R3
	ADD  $512, R1
	SUBS $1, R0
	BNE  columns
	RET
