//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Arguments of tiles.
#define TILES \
	MOVD panels+0(FP), R0 \
	MOVD steps+8(FP), R1 \
	MOVD w+16(FP), R2 \
	MOVD blockBytes+24(FP), R3 \
	MOVD x+32(FP), R4 \
	MOVD panelBytes+40(FP), R5 \
	MOVD dst+48(FP), R6 \
	MOVD more+56(FP), R7

// The sums of 16 columns of a row.
#define LOADROW(a, b, c, d) \
	VLD1 (R19), [a.S4, b.S4, c.S4, d.S4] \
	ADD $128, R19

#define STOREROW(a, b, c, d) \
	VST1 [a.S4, b.S4, c.S4, d.S4], (R19) \
	ADD $128, R19

#define COLUMNS(a, row, i) \
	SDOT(a, 16, row, i) \
	SDOT(a+1, 17, row, i) \
	SDOT(a+2, 18, row, i) \
	SDOT(a+3, 19, row, i)

// Four values of 16 columns, times bytes 4i to 4i+3 of four rows, V24 to V27.
#define FOURVALUES(i) \
	VLD1.P 64(R16), [V16.B16, V17.B16, V18.B16, V19.B16] \
	COLUMNS(0, 24, i) \
	COLUMNS(4, 25, i) \
	COLUMNS(8, 26, i) \
	COLUMNS(12, 27, i)

#define SIXTEENVALUES \
	VLD1.P 16(R12), [V24.B16] \
	VLD1.P 16(R13), [V25.B16] \
	VLD1.P 16(R14), [V26.B16] \
	VLD1.P 16(R15), [V27.B16] \
	FOURVALUES(0) \
	FOURVALUES(1) \
	FOURVALUES(2) \
	FOURVALUES(3)

// Four rows by a block at a time are 16 sums.
//
// func tilesDot(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte)
TEXT ·tilesDot(SB), NOSPLIT, $0-72
	TILES

panel:
	MOVD R4, R9
	MOVD $8, R8

rows:
	MOVD R2, R11
	MOVD $2, R10

block:
	CLEARALL
	CBZ  R7, begin
	MOVD R6, R19
	LOADROW(V0, V1, V2, V3)
	LOADROW(V4, V5, V6, V7)
	LOADROW(V8, V9, V10, V11)
	LOADROW(V12, V13, V14, V15)

begin:
	MOVD R9, R12
	ADD  $64, R9, R13
	ADD  $128, R9, R14
	ADD  $192, R9, R15
	MOVD R11, R16
	MOVD R1, R17

step:
	SIXTEENVALUES
	SIXTEENVALUES
	SIXTEENVALUES
	SIXTEENVALUES
	ADD  $(2048-64), R12
	ADD  $(2048-64), R13
	ADD  $(2048-64), R14
	ADD  $(2048-64), R15
	SUBS $1, R17
	BNE  step
	MOVD R6, R19
	STOREROW(V0, V1, V2, V3)
	STOREROW(V4, V5, V6, V7)
	STOREROW(V8, V9, V10, V11)
	STOREROW(V12, V13, V14, V15)
	ADD  $64, R6
	ADD  R3, R11
	SUBS $1, R10
	BNE  block
	ADD  $(4*128-128), R6
	ADD  $256, R9
	SUBS $1, R8
	BNE  rows
	ADD  R5, R4
	SUBS $1, R0
	BNE  panel
	RET

// The sums of two rows by two columns lie in one register, of two rows by eight columns in four from a on. V16 to V19
// are the columns of one row and of the other.
#define LOADTWO(a) \
	VLD1 (R19), [V16.S4, V17.S4] \
	ADD $128, R19 \
	VLD1 (R19), [V18.S4, V19.S4] \
	ADD $128, R19 \
	ZIP1D(a, 16, 18) \
	ZIP2D(a+1, 16, 18) \
	ZIP1D(a+2, 17, 19) \
	ZIP2D(a+3, 17, 19)

#define STORETWO(a) \
	ZIP1D(16, a, a+1) \
	ZIP1D(17, a+2, a+3) \
	ZIP2D(18, a, a+1) \
	ZIP2D(19, a+2, a+3) \
	VST1 [V16.S4, V17.S4], (R19) \
	ADD $128, R19 \
	VST1 [V18.S4, V19.S4], (R19) \
	ADD $128, R19

// 16 values of two rows: the first eight go to low, the others to the register of the second row.
#define TWOROWS(low, a, b, va, vb) \
	VLD1 (R12), [va.B16] \
	ADD $64, R12 \
	VLD1 (R12), [vb.B16] \
	ADD $64, R12 \
	ZIP1D(low, a, b) \
	ZIP2D(b, a, b)

// Eight values of eight columns, two columns in each of V16, V18, V20 and V22.
#define EIGHTVALUES \
	VLD1 (R16), [V28.S4, V29.S4] \
	ADD $64, R16 \
	VLD1 (R16), [V30.S4, V31.S4] \
	ADD $64, R16 \
	VZIP1 V30.S4, V28.S4, V16.S4 \
	VZIP2 V30.S4, V28.S4, V18.S4 \
	VZIP1 V31.S4, V29.S4, V20.S4 \
	VZIP2 V31.S4, V29.S4, V22.S4

#define BYTWO(a, rows) \
	SMMLA(a, rows, 16) \
	SMMLA(a+1, rows, 18) \
	SMMLA(a+2, rows, 20) \
	SMMLA(a+3, rows, 22)

// 16 values of eight rows by eight columns.
#define EIGHTBYEIGHT \
	TWOROWS(24, 16, 17, V16, V17) \
	TWOROWS(25, 18, 19, V18, V19) \
	TWOROWS(26, 20, 21, V20, V21) \
	TWOROWS(27, 22, 23, V22, V23) \
	SUB $(8*64-16), R12 \
	EIGHTVALUES \
	BYTWO(0, 24) \
	BYTWO(4, 25) \
	BYTWO(8, 26) \
	BYTWO(12, 27) \
	EIGHTVALUES \
	BYTWO(0, 17) \
	BYTWO(4, 19) \
	BYTWO(8, 21) \
	BYTWO(12, 23)

// Eight rows by half a block at a time are 16 registers of four sums.
//
// func tilesMM(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, next *byte)
TEXT ·tilesMM(SB), NOSPLIT, $0-72
	TILES

panel:
	MOVD R4, R9
	MOVD $4, R8

rows:
	MOVD R2, R11
	MOVD $4, R10

half:
	CLEARALL
	CBZ  R7, begin
	MOVD R6, R19
	LOADTWO(0)
	LOADTWO(4)
	LOADTWO(8)
	LOADTWO(12)

begin:
	MOVD R9, R12
	MOVD R11, R16
	MOVD R1, R17

step:
	EIGHTBYEIGHT
	EIGHTBYEIGHT
	EIGHTBYEIGHT
	EIGHTBYEIGHT
	ADD  $(2048-64), R12
	SUBS $1, R17
	BNE  step
	MOVD R6, R19
	STORETWO(0)
	STORETWO(4)
	STORETWO(8)
	STORETWO(12)
	ADD  $32, R6
	ADD  $32, R11
	SUBS $1, R10
	TBNZ $0, R10, 3(PC)  // the next half is that of the same block,
	SUB  $64, R11        // or the first of the other
	ADD  R3, R11
	CBNZ R10, half
	ADD  $(8*128-128), R6
	ADD  $512, R9
	SUBS $1, R8
	BNE  rows
	ADD  R5, R4
	SUBS $1, R0
	BNE  panel
	RET
