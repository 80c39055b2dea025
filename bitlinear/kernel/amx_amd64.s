//go:build !purego

#include "textflag.h"

// Go's assembler does not know AMX; each instruction is its bytes. Registers: SI activations,
// DI and BX the two blocks of weights, R8 offsets, DX sums, R12 = 64 and R13 = 128, the
// distances of the rows of a tile. Tiles 0 to 3 are sums, 4 and 5 activations, 6 and 7 weights.

#define LDTILECFG_AX BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0

// Offsets at R8: of 16 tokens, of the 16 after them.
#define LOADSUMS0 BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $0x04; BYTE $0x20
#define LOADSUMS1 BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $0x0c; BYTE $0x20
#define LOADSUMS2 BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $0x94; BYTE $0x20; LONG $1024
#define LOADSUMS3 BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $0x9c; BYTE $0x20; LONG $1024

#define LOADX4 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x24; BYTE $0x26
#define LOADX5 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0xac; BYTE $0x26; LONG $1024
#define LOADW6 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x34; BYTE $0x27
#define LOADW7 BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x3c; BYTE $0x23

// TDPBSUD: signed activations by unsigned weights.
#define PRODUCT0_4_6 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5e; BYTE $0xc4
#define PRODUCT1_4_7 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5e; BYTE $0xcc
#define PRODUCT2_5_6 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5e; BYTE $0xd5
#define PRODUCT3_5_7 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5e; BYTE $0xdd

#define STORE0 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x04; BYTE $0x2a
#define STORE1 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x4c; BYTE $0x2a; BYTE $64
#define STORE2 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x94; BYTE $0x2a; LONG $2048
#define STORE3 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x9c; BYTE $0x2a; LONG $2112

// func amxTiles(panels, steps int, w *byte, x *int8, offset, dst *int32, config *[64]byte)
TEXT ·amxTiles(SB), NOSPLIT, $0-56
	MOVQ config+48(FP), AX
	LDTILECFG_AX
	MOVQ panels+0(FP), CX
	MOVQ steps+8(FP), R9
	MOVQ R9, R10
	SHLQ $10, R10              // bytes of a block
	MOVQ x+24(FP), SI
	MOVQ offset+32(FP), R8
	MOVQ dst+40(FP), DX
	MOVQ $64, R12
	MOVQ $128, R13

panel:
	MOVQ w+16(FP), DI
	LEAQ (DI)(R10*1), BX
	LOADSUMS0
	LOADSUMS1
	LOADSUMS2
	LOADSUMS3
	MOVQ R9, AX

step:
	LOADX4
	LOADW6
	LOADW7
	LOADX5
	PRODUCT0_4_6
	PRODUCT1_4_7
	PRODUCT2_5_6
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
	ADDQ $2048, R8
	ADDQ $4096, DX
	DECQ CX
	JNZ  panel
	TILERELEASE
	RET

// func amxHalfTile(steps int, w *byte, x *int8, offset, dst *int32, config *[64]byte)
TEXT ·amxHalfTile(SB), NOSPLIT, $0-48
	MOVQ    config+40(FP), AX
	LDTILECFG_AX
	MOVBQZX 52(AX), R11          // tokens: the rows of register 4
	SHLQ    $6, R11
	MOVQ    steps+0(FP), AX
	MOVQ    w+8(FP), DI
	MOVQ    AX, BX
	SHLQ    $10, BX
	ADDQ    DI, BX
	MOVQ    x+16(FP), SI
	MOVQ    offset+24(FP), R8
	MOVQ    dst+32(FP), DX
	MOVQ    $64, R12
	MOVQ    $128, R13
	LOADSUMS0
	LOADSUMS1

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
