//go:build !purego

#include "textflag.h"
#include "dot_arm64.h"

// How far right the quads 0 and 1, 2 and 3 of ternary codes are, and 0 and 1, 2 and 3, and so on of signs.
DATA ·quadShifts<>+0(SB)/8, $0xfefefefe00000000
DATA ·quadShifts<>+8(SB)/8, $0xfefefefe00000000
DATA ·quadShifts<>+16(SB)/8, $0xfafafafafcfcfcfc
DATA ·quadShifts<>+24(SB)/8, $0xfafafafafcfcfcfc
GLOBL ·quadShifts<>(SB), RODATA|NOPTR, $32

DATA ·signShifts<>+0(SB)/8, $0xffffffff00000000
DATA ·signShifts<>+8(SB)/8, $0xffffffff00000000
DATA ·signShifts<>+16(SB)/8, $0xfdfdfdfdfefefefe
DATA ·signShifts<>+24(SB)/8, $0xfdfdfdfdfefefefe
DATA ·signShifts<>+32(SB)/8, $0xfbfbfbfbfcfcfcfc
DATA ·signShifts<>+40(SB)/8, $0xfbfbfbfbfcfcfcfc
DATA ·signShifts<>+48(SB)/8, $0xf9f9f9f9fafafafa
DATA ·signShifts<>+56(SB)/8, $0xf9f9f9f9fafafafa
GLOBL ·signShifts<>(SB), RODATA|NOPTR, $64

// Arguments of a tile.
#define TILE \
	MOVD groups+0(FP), R0 \
	MOVD w+8(FP), R1 \
	MOVD x+16(FP), R2 \
	MOVD offset+24(FP), R3 \
	MOVD dst+32(FP), R4 \
	MOVD stride+40(FP), R5 \
	CLEARALL

// Arguments of a groupedQuad.
#define GROUPED \
	MOVD parts+0(FP), R0 \
	MOVD lines+8(FP), R16 \
	MOVD w+16(FP), R1 \
	MOVD size+24(FP), R5 \
	MOVD x+32(FP), R2 \
	MOVD offset+40(FP), R3 \
	MOVD factor+48(FP), R6 \
	MOVD scale+56(FP), R7 \
	MOVD dst+64(FP), R4

#define STORE(a, b) \
	VST1 [a.S4, b.S4], (R4) \
	ADD R5<<2, R4

// The sums of two tokens.
#define STORETWO(a) \
	APART(a) \
	STORE(V16, V17) \
	STORE(V18, V19)

// The same plus their offsets.
#define OFFSETTWO(a) \
	APART(a) \
	VLD1R.P 4(R3), [V20.S4] \
	VLD1R.P 4(R3), [V21.S4] \
	ADDI(16, 16, 20) \
	ADDI(17, 17, 20) \
	ADDI(18, 18, 21) \
	ADDI(19, 19, 21) \
	STORE(V16, V17) \
	STORE(V18, V19)

// func ternaryTileMM8(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·ternaryTileMM8(SB), NOSPLIT, $0-48
	TILE
	MOVD  $·quadShifts<>(SB), R6
	VLD1  (R6), [V30.B16, V31.B16]
	VMOVI $3, V28.B16

loop:
	TWICE(R1)
	TWOQUADS(30)
	EIGHTTOKENS(R2)
	TWOQUADS(31)
	EIGHTTOKENS(R2)
	SUBS $1, R0
	BNE  loop
	OFFSETTWO(0)
	OFFSETTWO(4)
	OFFSETTWO(8)
	OFFSETTWO(12)
	RET

// Eight columns of eight rows, two quads of four rows in two registers each, go to V20 to V23.
#define TOGETHER(low0, low1, high0, high1) \
	VZIP1 high0.S4, low0.S4, V20.S4 \
	VZIP2 high0.S4, low0.S4, V21.S4 \
	VZIP1 high1.S4, low1.S4, V22.S4 \
	VZIP2 high1.S4, low1.S4, V23.S4

#define NIBBLES \
	VLD1 (R1), [V16.B16, V17.B16] \
	ADD $64, R1 \
	VUSHR $4, V16.B16, V18.B16 \
	VUSHR $4, V17.B16, V19.B16 \
	VAND V28.B16, V16.B16, V16.B16 \
	VAND V28.B16, V17.B16, V17.B16 \
	TOGETHER(V16, V17, V18, V19) \
	EIGHTTOKENS(R2)

// func int4TileMM8(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·int4TileMM8(SB), NOSPLIT, $0-48
	TILE
	VMOVI $15, V28.B16

loop:
	NIBBLES
	NIBBLES
	SUBS $1, R0
	BNE  loop
	OFFSETTWO(0)
	OFFSETTWO(4)
	OFFSETTWO(8)
	OFFSETTWO(12)
	RET

#define SIGNED(a, b) \
	VLD1 (R1), [a.B16, b.B16] \
	ADD $64, R1 \
	VEOR V28.B16, a.B16, a.B16 \
	VEOR V28.B16, b.B16, b.B16

#define BYTES \
	SIGNED(V16, V17) \
	SIGNED(V18, V19) \
	TOGETHER(V16, V17, V18, V19) \
	EIGHTTOKENS(R2)

// Weights lose their bias, as in int8TileDot1, and so the offsets are not wanted.
//
// func int8TileMM8(groups int, w *byte, x *int8, offset, dst *int32, stride int)
TEXT ·int8TileMM8(SB), NOSPLIT, $0-48
	TILE
	VMOVI $128, V28.B16

loop:
	BYTES
	BYTES
	SUBS $1, R0
	BNE  loop
	STORETWO(0)
	STORETWO(4)
	STORETWO(8)
	STORETWO(12)
	RET

// A part of four blocks, from R9 on, eight halves; sums go to R12.
#define PART \
	MOVD R1, R9 \
	MOVD R4, R12 \
	MOVD $8, R13

// Half a block of R14 lines, from R10 on, with the activations from R11 on.
#define HALFBLOCK \
	MOVD R9, R10 \
	MOVD R2, R11 \
	MOVD R16, R14 \
	CLEARALL

// Fetches the line of the next four blocks.
#define AHEAD \
	ADD R5<<2, R10, R15 \
	PRFM (R15), PLDL2KEEP

#define ADDTOKEN(a, b) \
	VLD1R.P 4(R19), [V29.S4] \
	VLD1R.P 4(R20), [V30.S4] \
	VLD1 (R21), [V24.S4, V25.S4] \
	SCALED(a, 20, 24) \
	SCALED(b, 21, 25) \
	VST1 [V24.S4, V25.S4], (R21) \
	ADD $256, R21

#define ADDTWO(a) \
	APART(a) \
	ADDTOKEN(16, 17) \
	ADDTOKEN(18, 19)

// The sums of all tokens are added to dst. The next half of a block is the other one of this block, or
// the first of the next.
#define ADDALL \
	VLD1.P 16(R7), [V26.H8] \
	FCVTL(20, 26) \
	FCVTL2(21, 26) \
	MOVD R3, R19 \
	MOVD R6, R20 \
	MOVD R12, R21 \
	ADDTWO(0) \
	ADDTWO(4) \
	ADDTWO(8) \
	ADDTWO(12) \
	ADD $32, R12 \
	ADD $32, R9 \
	SUBS $1, R13 \
	TBNZ $0, R13, 3(PC) \
	ADD R5, R9 \
	SUB $64, R9

// To the next part: the last block ended at R10, its second half 32 bytes behind; its activations at R11.
#define NEXTPART \
	MOVD R11, R2 \
	ADD R16<<6, R1 \
	ADD $32, R3 \
	ADD $32, R6 \
	SUBS $1, R0

// func ternaryGroupedMM8(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32, scale *uint16, dst *float32)
TEXT ·ternaryGroupedMM8(SB), NOSPLIT, $0-72
	GROUPED
	MOVD  $·quadShifts<>(SB), R8
	VMOVI $3, V28.B16

part:
	PART

block:
	HALFBLOCK
	VLD1 (R8), [V30.B16, V31.B16]

line:
	AHEAD
	TWICE(R10)
	TWOQUADS(30)
	EIGHTTOKENS(R11)
	TWOQUADS(31)
	EIGHTTOKENS(R11)
	SUBS $1, R14
	BNE  line
	ADDALL
	CBNZ R13, block
	NEXTPART
	BNE  part
	RET

// Eight columns of signs, whose shifts are at R17.
#define SIGNS \
	VLD1.P 16(R17), [V29.B16] \
	TWOQUADS(29) \
	EIGHTTOKENS(R11)

// func signsGroupedMM8(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32, scale *uint16, dst *float32)
TEXT ·signsGroupedMM8(SB), NOSPLIT, $0-72
	GROUPED
	MOVD  $·signShifts<>(SB), R8
	VMOVI $1, V28.B16

part:
	PART

block:
	HALFBLOCK

line:
	AHEAD
	TWICE(R10)
	MOVD R8, R17
	SIGNS
	SIGNS
	SIGNS
	SIGNS
	SUBS $1, R14
	BNE  line
	DOUBLE(0)
	DOUBLE(4)
	DOUBLE(8)
	DOUBLE(12)
	ADDALL
	CBNZ R13, block
	NEXTPART
	BNE  part
	RET
