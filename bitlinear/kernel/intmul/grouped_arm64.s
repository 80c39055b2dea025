//go:build !purego

#include "textflag.h"
#include "dot_arm64.h"

#define ARGUMENTS \
	MOVD parts+0(FP), R0 \
	MOVD w+16(FP), R1 \
	MOVD size+24(FP), R5 \
	MOVD x+32(FP), R2 \
	MOVD offset+40(FP), R3 \
	MOVD factor+48(FP), R6 \
	MOVD scale+56(FP), R7 \
	MOVD dst+64(FP), R4

// A part of four blocks, from R9 on, with the activations from R2 on; sums go to R12.
#define PART \
	MOVD R1, R9 \
	MOVD R4, R12 \
	MOVD $4, R13

// A block of R14 lines, from R10 on, with the activations from R11 on.
#define BLOCK \
	MOVD R9, R10 \
	MOVD R2, R11 \
	MOVD lines+8(FP), R14

// Fetches the line of the next four blocks and loads this one.
#define LINE \
	ADD  R5<<2, R10, R15 \
	PRFM (R15), PLDL2KEEP \
	VLD1.P 64(R10), [V16.B16, V17.B16, V18.B16, V19.B16]

// Prepares the scales, V20 to V23, and the addresses of what belongs to tokens.
#define SCALES \
	VLD1.P 32(R7), [V26.H8, V27.H8] \
	FCVTL(20, 26) \
	FCVTL2(21, 26) \
	FCVTL(22, 27) \
	FCVTL2(23, 27) \
	MOVD R3, R19 \
	MOVD R6, R20 \
	MOVD R12, R21

// The sums of a token from register a on are added to dst.
#define TOKEN(a) \
	VLD1R.P 4(R19), [V29.S4] \
	VLD1R.P 4(R20), [V30.S4] \
	VLD1 (R21), [V16.S4, V17.S4, V18.S4, V19.S4] \
	SCALED(a, 20, 16) \
	SCALED(a+1, 21, 17) \
	SCALED(a+2, 22, 18) \
	SCALED(a+3, 23, 19) \
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R21) \
	ADD $256, R21

#define NEXTBLOCK \
	ADD  $64, R12 \
	ADD  R5, R9 \
	SUBS $1, R13

// To the next part: the last block ended at R10, its activations at R11.
#define NEXTPART(tokens) \
	MOVD R11, R2 \
	ADD  R5, R1 \
	SUB  R9, R1 \
	ADD  R10, R1 \
	ADD  $(4*tokens), R3 \
	ADD  $(4*tokens), R6 \
	SUBS $1, R0

// func ternaryGroupedDot1(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32, scale *uint16, dst *float32)
TEXT ·ternaryGroupedDot1(SB), NOSPLIT, $0-72
	ARGUMENTS
	VMOVI $3, V28.B16

part:
	PART

block:
	BLOCK
	CLEAR(V0, V1, V2, V3)

line:
	LINE
	VLD1.P 16(R11), [V24.B16]
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
	SUBS $1, R14
	BNE  line
	SCALES
	TOKEN(0)
	NEXTBLOCK
	BNE  block
	NEXTPART(1)
	BNE  part
	RET

// func ternaryGroupedDot4(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32, scale *uint16, dst *float32)
TEXT ·ternaryGroupedDot4(SB), NOSPLIT, $0-72
	ARGUMENTS
	VMOVI $3, V28.B16

part:
	PART

block:
	BLOCK
	CLEARALL

line:
	LINE
	VLD1.P 64(R11), [V24.B16, V25.B16, V26.B16, V27.B16]
	FOURTOKENS(24)
	SHIFT(2)
	FOURTOKENS(25)
	SHIFT(2)
	FOURTOKENS(26)
	SHIFT(2)
	FOURTOKENS(27)
	SUBS $1, R14
	BNE  line
	SCALES
	TOKEN(0)
	TOKEN(4)
	TOKEN(8)
	TOKEN(12)
	NEXTBLOCK
	BNE  block
	NEXTPART(4)
	BNE  part
	RET

#define NEXTSIGNS(m, i) \
	SHIFT(1) \
	CODES \
	ROWS(0, m, i)

// func signsGroupedDot1(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32, scale *uint16, dst *float32)
TEXT ·signsGroupedDot1(SB), NOSPLIT, $0-72
	ARGUMENTS
	VMOVI $1, V28.B16

part:
	PART

block:
	BLOCK
	CLEAR(V0, V1, V2, V3)

line:
	LINE
	VLD1.P 32(R11), [V24.B16, V25.B16]
	CODES
	ROWS(0, 24, 0)
	NEXTSIGNS(24, 1)
	NEXTSIGNS(24, 2)
	NEXTSIGNS(24, 3)
	NEXTSIGNS(25, 0)
	NEXTSIGNS(25, 1)
	NEXTSIGNS(25, 2)
	NEXTSIGNS(25, 3)
	SUBS $1, R14
	BNE  line
	DOUBLE(0)
	SCALES
	TOKEN(0)
	NEXTBLOCK
	BNE  block
	NEXTPART(1)
	BNE  part
	RET

// func signsGroupedDot4(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32, scale *uint16, dst *float32)
TEXT ·signsGroupedDot4(SB), NOSPLIT, $0-72
	ARGUMENTS
	VMOVI $1, V28.B16

part:
	PART

block:
	BLOCK
	CLEARALL

line:
	LINE
	VLD1.P 64(R11), [V24.B16, V25.B16, V26.B16, V27.B16]
	FOURTOKENS(24)
	SHIFT(1)
	FOURTOKENS(25)
	SHIFT(1)
	FOURTOKENS(26)
	SHIFT(1)
	FOURTOKENS(27)
	VLD1.P 64(R11), [V24.B16, V25.B16, V26.B16, V27.B16]
	SHIFT(1)
	FOURTOKENS(24)
	SHIFT(1)
	FOURTOKENS(25)
	SHIFT(1)
	FOURTOKENS(26)
	SHIFT(1)
	FOURTOKENS(27)
	SUBS $1, R14
	BNE  line
	DOUBLE(0)
	DOUBLE(4)
	DOUBLE(8)
	DOUBLE(12)
	SCALES
	TOKEN(0)
	TOKEN(4)
	TOKEN(8)
	TOKEN(12)
	NEXTBLOCK
	BNE  block
	NEXTPART(4)
	BNE  part
	RET
