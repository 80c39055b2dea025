//go:build !purego

#include "textflag.h"

// Go's assembler does not know AMX; each instruction is its bytes. Registers: SI activations,
// DI and BX the two blocks of weights, DX sums, R12 = 64 and R13 = 128, the distances of the
// rows of operands and sums. Tiles 0 to 3 are sums, 4 and 5 activations, 6 and 7 weights.

#define LDTILECFG_AX BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0

#define ZERO(bits) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0+8*bits)

// Sums of the first 16 tokens with both blocks, then of the others.
#define LOAD0 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x04; BYTE $0x2a
#define LOAD1 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x4c; BYTE $0x2a; BYTE $64
#define LOAD2 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x94; BYTE $0x2a; LONG $2048
#define LOAD3 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x9c; BYTE $0x2a; LONG $2112
#define STORE0 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x04; BYTE $0x2a
#define STORE1 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x4c; BYTE $0x2a; BYTE $64
#define STORE2 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x94; BYTE $0x2a; LONG $2048
#define STORE3 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x9c; BYTE $0x2a; LONG $2112

#define LOADX4 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x24; BYTE $0x26
#define LOADX5 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0xac; BYTE $0x26; LONG $1024
#define LOADW6 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x34; BYTE $0x27
#define LOADW7 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x3c; BYTE $0x23

// TDPBSSD: int8 by int8.
#define PRODUCT0_4_6 BYTE $0xc4; BYTE $0xe2; BYTE $0x4b; BYTE $0x5e; BYTE $0xc4
#define PRODUCT1_4_7 BYTE $0xc4; BYTE $0xe2; BYTE $0x43; BYTE $0x5e; BYTE $0xcc
#define PRODUCT2_5_6 BYTE $0xc4; BYTE $0xe2; BYTE $0x4b; BYTE $0x5e; BYTE $0xd5
#define PRODUCT3_5_7 BYTE $0xc4; BYTE $0xe2; BYTE $0x43; BYTE $0x5e; BYTE $0xdd

// TDPBF16PS: pairs of bfloat16, added up in float32.
#define PAIRS0_4_6 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $0xc4
#define PAIRS1_4_7 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $0xcc
#define PAIRS2_5_6 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $0xd5
#define PAIRS3_5_7 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $0xdd

// The activations of the next step, eight rows at a time: alone, tiles would wait for each.
#define FETCH8(at) \
	PREFETCHT0 (at+0)(SI) \
	PREFETCHT0 (at+64)(SI) \
	PREFETCHT0 (at+128)(SI) \
	PREFETCHT0 (at+192)(SI) \
	PREFETCHT0 (at+256)(SI) \
	PREFETCHT0 (at+320)(SI) \
	PREFETCHT0 (at+384)(SI) \
	PREFETCHT0 (at+448)(SI)

// A 16th of the weights that come after these, for both blocks: eight panels of eight steps
// fetch what the next call reads.
#define FETCHNEXT \
	PREFETCHT1 (R9) \
	PREFETCHT1 64(R9) \
	PREFETCHT1 (R9)(R10*1) \
	PREFETCHT1 64(R9)(R10*1) \
	ADDQ $128, R9

#define NOTHING

// The loop of amxTiles, amxTilesNext and amxTilesBF16, with the instructions that multiply.
#define TILES(P0, P1, P2, P3, NEXT) \
	MOVQ config+64(FP), AX \
	LDTILECFG_AX \
	MOVQ panels+0(FP), CX \
	MOVQ x+32(FP), R8 \
	MOVQ dst+48(FP), DX \
	MOVQ $64, R12 \
	MOVQ $128, R13 \
panel: \
	MOVQ w+16(FP), DI \
	MOVQ blockBytes+24(FP), BX \
	ADDQ DI, BX \
	MOVQ R8, SI \
	CMPQ more+56(FP), $0 \
	JNE  more \
	ZERO(0) \
	ZERO(1) \
	ZERO(2) \
	ZERO(3) \
	JMP  begin \
more: \
	LOAD0 \
	LOAD1 \
	LOAD2 \
	LOAD3 \
begin: \
	MOVQ steps+8(FP), AX \
step: \
	LOADX4 \
	FETCH8(2048) \
	LOADW6 \
	LOADW7 \
	LOADX5 \
	P0 \
	FETCH8(2560) \
	P1 \
	FETCH8(3072) \
	NEXT \
	P2 \
	FETCH8(3584) \
	P3 \
	ADDQ $2048, SI \
	ADDQ $1024, DI \
	ADDQ $1024, BX \
	DECQ AX \
	JNZ  step \
	STORE0 \
	STORE1 \
	STORE2 \
	STORE3 \
	ADDQ panelBytes+40(FP), R8 \
	ADDQ $4096, DX \
	DECQ CX \
	JNZ  panel \
	TILERELEASE \
	RET

// The arguments of amxParts and amxHalfParts.
#define PARTS \
	MOVQ config+48(FP), AX \
	LDTILECFG_AX \
	MOVQ parts+0(FP), CX \
	MOVQ w+16(FP), DI \
	MOVQ blockBytes+24(FP), BX \
	ADDQ DI, BX \
	MOVQ x+32(FP), SI \
	MOVQ dst+40(FP), DX \
	MOVQ $64, R12 \
	MOVQ $128, R13

// func amxTiles(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, config *[64]byte)
TEXT ·amxTiles(SB), NOSPLIT, $0-72
	TILES(PRODUCT0_4_6, PRODUCT1_4_7, PRODUCT2_5_6, PRODUCT3_5_7, NOTHING)

// func amxTilesNext(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, config *[64]byte, next *byte)
TEXT ·amxTilesNext(SB), NOSPLIT, $0-80
	MOVQ next+72(FP), R9
	MOVQ blockBytes+24(FP), R10
	TILES(PRODUCT0_4_6, PRODUCT1_4_7, PRODUCT2_5_6, PRODUCT3_5_7, FETCHNEXT)

// func amxTilesBF16(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, config *[64]byte, next *byte)
TEXT ·amxTilesBF16(SB), NOSPLIT, $0-80
	MOVQ next+72(FP), R9
	MOVQ blockBytes+24(FP), R10
	TILES(PAIRS0_4_6, PAIRS1_4_7, PAIRS2_5_6, PAIRS3_5_7, FETCHNEXT)

// func amxProductsBF16(list []ProductBF16, config *[64]byte)
TEXT ·amxProductsBF16(SB), NOSPLIT, $0-32
	MOVQ config+24(FP), AX
	LDTILECFG_AX
	MOVQ list_base+0(FP), R9
	MOVQ list_len+8(FP), R10
	MOVQ $64, R12
	MOVQ $128, R13

product:
	MOVQ 0(R9), CX  // panels
	MOVQ 32(R9), R8 // X
	MOVQ 48(R9), DX // Dst

panel:
	MOVQ 16(R9), DI // W
	MOVQ 24(R9), BX // BlockBytes
	ADDQ DI, BX
	MOVQ R8, SI
	CMPQ 56(R9), $0 // More
	JNE  more
	ZERO(0)
	ZERO(1)
	ZERO(2)
	ZERO(3)
	JMP  begin

more:
	LOAD0
	LOAD1
	LOAD2
	LOAD3

begin:
	MOVQ 8(R9), AX // Steps

step:
	LOADX4
	FETCH8(2048)
	LOADW6
	LOADW7
	LOADX5
	PAIRS0_4_6
	FETCH8(2560)
	PAIRS1_4_7
	FETCH8(3072)
	PAIRS2_5_6
	FETCH8(3584)
	PAIRS3_5_7
	ADDQ $2048, SI
	ADDQ $1024, DI
	ADDQ $1024, BX
	DECQ AX
	JNZ  step
	STORE0
	STORE1
	STORE2
	STORE3
	ADDQ 40(R9), R8 // PanelBytes
	ADDQ $4096, DX
	DECQ CX
	JNZ  panel
	ADDQ $64, R9
	DECQ R10
	JNZ  product
	TILERELEASE
	RET

// func amxParts(parts, steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)
TEXT ·amxParts(SB), NOSPLIT, $0-56
	PARTS

part:
	ZERO(0)
	ZERO(1)
	ZERO(2)
	ZERO(3)
	MOVQ steps+8(FP), AX

step:
	LOADX4
	FETCH8(2048)
	LOADW6
	LOADW7
	LOADX5
	PRODUCT0_4_6
	FETCH8(2560)
	PRODUCT1_4_7
	FETCH8(3072)
	PRODUCT2_5_6
	FETCH8(3584)
	PRODUCT3_5_7
	ADDQ $2048, SI
	ADDQ $1024, DI
	ADDQ $1024, BX
	DECQ AX
	JNZ  step
	STORE0
	STORE1
	STORE2
	STORE3
	ADDQ $4096, DX
	DECQ CX
	JNZ  part
	TILERELEASE
	RET

// func amxHalfParts(parts, steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)
TEXT ·amxHalfParts(SB), NOSPLIT, $0-56
	PARTS
	MOVQ    config+48(FP), AX
	MOVBQZX 52(AX), R11       // tokens: the rows of register 4
	SHLQ    $6, R11

part:
	ZERO(0)
	ZERO(1)
	MOVQ steps+8(FP), AX

step:
	LOADX4
	LOADW6
	LOADW7
	PRODUCT0_4_6
	PRODUCT1_4_7
	ADDQ R11, SI
	ADDQ $1024, DI
	ADDQ $1024, BX
	DECQ AX
	JNZ  step
	STORE0
	STORE1
	ADDQ $4096, DX
	DECQ CX
	JNZ  part
	TILERELEASE
	RET

// func amxHalfTile(steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)
TEXT ·amxHalfTile(SB), NOSPLIT, $0-48
	MOVQ    config+40(FP), AX
	LDTILECFG_AX
	MOVBQZX 52(AX), R11                // tokens: the rows of register 4
	SHLQ    $6, R11
	MOVQ    steps+0(FP), AX
	MOVQ    w+8(FP), DI
	MOVQ    blockBytes+16(FP), BX
	ADDQ    DI, BX
	MOVQ    x+24(FP), SI
	MOVQ    dst+32(FP), DX
	MOVQ    $64, R12
	MOVQ    $128, R13
	ZERO(0)
	ZERO(1)

step:
	LOADX4
	LOADW6
	LOADW7
	PRODUCT0_4_6
	PRODUCT1_4_7
	ADDQ R11, SI
	ADDQ $1024, DI
	ADDQ $1024, BX
	DECQ AX
	JNZ  step
	STORE0
	STORE1
	TILERELEASE
	RET
