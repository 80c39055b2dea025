//go:build !purego

#include "textflag.h"
#include "dot_arm64.h"

// Instructions that the assembler does not know, as words (Arm Architecture Reference
// Manual, C7.2). d, n and m are numbers of vector registers.

// Eight 16-bit products of the low (high) bytes of n and m, set in or added to d.
#define SMULL(d, n, m) WORD $(0x0E20C000 | (m) << 16 | (n) << 5 | (d))
#define SMULL2(d, n, m) WORD $(0x4E20C000 | (m) << 16 | (n) << 5 | (d))
#define SMLAL(d, n, m) WORD $(0x0E208000 | (m) << 16 | (n) << 5 | (d))
#define SMLAL2(d, n, m) WORD $(0x4E208000 | (m) << 16 | (n) << 5 | (d))

// Sums of neighbouring 16-bit values of n, added to d in 32 bits.
#define SADALP(d, n) WORD $(0x4E606800 | (n) << 5 | (d))

#define ARGUMENTS \
	MOVD groups+0(FP), R0 \
	MOVD w+8(FP), R1 \
	MOVD x+16(FP), R2 \
	MOVD offset+24(FP), R3 \
	MOVD dst+32(FP), R4 \
	MOVD stride+40(FP), R5 \
	LSL $2, R5

// The four registers of 16 sums of a token begin with its offset.
#define BEGIN(a, b, c, d) \
	VLD1R.P 4(R3), [a.S4] \
	VMOV a.B16, b.B16 \
	VMOV a.B16, c.B16 \
	VMOV a.B16, d.B16

#define STORE(a, b, c, d) \
	VST1 [a.S4, b.S4, c.S4, d.S4], (R4) \
	ADD R5, R4

// func ternaryTileDot1(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·ternaryTileDot1(SB), NOSPLIT, $0-48
	ARGUMENTS
	BEGIN(V0, V1, V2, V3)
	VMOVI $3, V28.B16

loop:
	VLD1.P 64(R1), [V16.B16, V17.B16, V18.B16, V19.B16]
	VLD1.P 16(R2), [V24.B16]
	CODES
	ROWS(0, 24, 0)
	SHIFT(2)
	CODES
	ROWS(0, 24, 1)
	SHIFT(2)
	CODES
	ROWS(0, 24, 2)
	SHIFT(2)
	CODES
	ROWS(0, 24, 3)
	SUBS $1, R0
	BNE  loop
	STORE(V0, V1, V2, V3)
	RET

// func ternaryTileDot4(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·ternaryTileDot4(SB), NOSPLIT, $0-48
	ARGUMENTS
	BEGIN(V0, V1, V2, V3)
	BEGIN(V4, V5, V6, V7)
	BEGIN(V8, V9, V10, V11)
	BEGIN(V12, V13, V14, V15)
	VMOVI $3, V28.B16

loop:
	VLD1.P 64(R1), [V16.B16, V17.B16, V18.B16, V19.B16]
	VLD1.P 64(R2), [V24.B16, V25.B16, V26.B16, V27.B16]
	FOURTOKENS(24)
	SHIFT(2)
	FOURTOKENS(25)
	SHIFT(2)
	FOURTOKENS(26)
	SHIFT(2)
	FOURTOKENS(27)
	SUBS $1, R0
	BNE  loop
	STORE(V0, V1, V2, V3)
	STORE(V4, V5, V6, V7)
	STORE(V8, V9, V10, V11)
	STORE(V12, V13, V14, V15)
	RET

// The quads 2h and 2h+1 of two tokens: x has them as tokens 0 and 1 of quad 2h, then of
// quad 2h+1.
#define HALFGROUP(m) \
	VLD1.P 64(R1), [V16.B16, V17.B16, V18.B16, V19.B16] \
	CODES \
	ROWS(0, m, 0) \
	ROWS(4, m, 1) \
	SHIFT(4) \
	CODES \
	ROWS(0, m, 2) \
	ROWS(4, m, 3)

// func int4TileDot2(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·int4TileDot2(SB), NOSPLIT, $0-48
	ARGUMENTS
	BEGIN(V0, V1, V2, V3)
	BEGIN(V4, V5, V6, V7)
	VMOVI $15, V28.B16

loop:
	VLD1.P 32(R2), [V24.B16, V25.B16]
	HALFGROUP(24)
	HALFGROUP(25)
	SUBS $1, R0
	BNE  loop
	STORE(V0, V1, V2, V3)
	STORE(V4, V5, V6, V7)
	RET

#define SIGNEDQUAD(i) \
	VLD1.P 64(R1), [V20.B16, V21.B16, V22.B16, V23.B16] \
	VEOR V28.B16, V20.B16, V20.B16 \
	VEOR V28.B16, V21.B16, V21.B16 \
	VEOR V28.B16, V22.B16, V22.B16 \
	VEOR V28.B16, V23.B16, V23.B16 \
	ROWS(0, 24, i)

// The highest bit turned makes biased weights signed, so the offset that undoes the bias
// is not wanted.
//
// func int8TileDot1(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·int8TileDot1(SB), NOSPLIT, $0-48
	ARGUMENTS
	VEOR V0.B16, V0.B16, V0.B16
	VMOV V0.B16, V1.B16
	VMOV V0.B16, V2.B16
	VMOV V0.B16, V3.B16
	VMOVI $128, V28.B16

loop:
	VLD1.P 16(R2), [V24.B16]
	SIGNEDQUAD(0)
	SIGNEDQUAD(1)
	SIGNEDQUAD(2)
	SIGNEDQUAD(3)
	SUBS $1, R0
	BNE  loop
	STORE(V0, V1, V2, V3)
	RET

// One quad without the dot product instruction: V8 to V15 hold 16-bit sums of pairs of
// rows, of which four quads stay below 2048; V25 has the activations in every lane.
#define FIRSTQUAD \
	VDUP V24.S[0], V25.S4 \
	CODES \
	SMULL(8, 20, 25) \
	SMULL2(9, 20, 25) \
	SMULL(10, 21, 25) \
	SMULL2(11, 21, 25) \
	SMULL(12, 22, 25) \
	SMULL2(13, 22, 25) \
	SMULL(14, 23, 25) \
	SMULL2(15, 23, 25)

#define NEXTQUAD(i) \
	SHIFT(2) \
	VDUP V24.S[i], V25.S4 \
	CODES \
	SMLAL(8, 20, 25) \
	SMLAL2(9, 20, 25) \
	SMLAL(10, 21, 25) \
	SMLAL2(11, 21, 25) \
	SMLAL(12, 22, 25) \
	SMLAL2(13, 22, 25) \
	SMLAL(14, 23, 25) \
	SMLAL2(15, 23, 25)

// func ternaryTileNEON1(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·ternaryTileNEON1(SB), NOSPLIT, $0-48
	ARGUMENTS
	CLEAR(V0, V1, V2, V3)
	CLEAR(V4, V5, V6, V7)
	VMOVI $3, V28.B16

loop:
	VLD1.P 64(R1), [V16.B16, V17.B16, V18.B16, V19.B16]
	VLD1.P 16(R2), [V24.B16]
	FIRSTQUAD
	NEXTQUAD(1)
	NEXTQUAD(2)
	NEXTQUAD(3)
	SADALP(0, 8)
	SADALP(1, 9)
	SADALP(2, 10)
	SADALP(3, 11)
	SADALP(4, 12)
	SADALP(5, 13)
	SADALP(6, 14)
	SADALP(7, 15)
	SUBS $1, R0
	BNE  loop

	// Each register has two halves of two rows.
	VADDP V1.S4, V0.S4, V0.S4
	VADDP V3.S4, V2.S4, V1.S4
	VADDP V5.S4, V4.S4, V2.S4
	VADDP V7.S4, V6.S4, V3.S4
	VLD1R (R3), [V28.S4]
	VADD  V28.S4, V0.S4, V0.S4
	VADD  V28.S4, V1.S4, V1.S4
	VADD  V28.S4, V2.S4, V2.S4
	VADD  V28.S4, V3.S4, V3.S4
	STORE(V0, V1, V2, V3)
	RET
