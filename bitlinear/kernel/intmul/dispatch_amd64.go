//go:build !purego

package intmul

import "trit/bitlinear/kernel/cpu"

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AMX {
		list = append(list, avx512.withAMX())
	}
	if cpu.AVX512VNNI {
		list = append(list, avx512)
	}
	if cpu.AVXVNNI {
		list = append(list, avxVNNI)
	}
	if cpu.AVX2 {
		list = append(list, avx2)
	}
	return append(list, generic)
}

// withAMX returns the implementation with AMX for many tokens; few tokens stay with the tiles.
func (i implementation) withAMX() implementation {
	i.name, i.amx = "amx", true
	return i
}

var avx512 = implementation{
	name: "avx512vnni",
	ternary: []tile{
		{tokens: 24, rows: 16, run: ternaryTileVNNI24},
		{tokens: 8, rows: 16, run: ternaryTileVNNI8, grouped: ternaryGroupedVNNIx8},
		{tokens: 4, rows: 16, run: ternaryTileVNNI4, grouped: ternaryGroupedVNNIx4},
		{tokens: 2, rows: 16, run: ternaryTileVNNI2, grouped: ternaryGroupedVNNIx2},
		{tokens: 1, rows: 16, run: ternaryTileVNNI1, quad: ternaryQuadVNNI, grouped: ternaryGroupedVNNIx1},
	},
	// The largest reads 2 bits: widening a block pays for 24 tokens.
	trits: []tile{
		{tokens: 24, rows: 16, run: ternaryTileVNNI24},
		{tokens: 8, rows: 16, packed: true, run: tritsTileVNNI8},
		{tokens: 4, rows: 16, packed: true, run: tritsTileVNNI4},
		{tokens: 2, rows: 16, packed: true, run: tritsTileVNNI2},
		{tokens: 1, rows: 16, run: ternaryTileVNNI1, quad: tritsQuadVNNI},
	},
	signs: []tile{
		{tokens: 24, rows: 16, packed: true, run: signsTileVNNI24},
		{tokens: 8, rows: 16, packed: true, run: signsTileVNNI8, grouped: signsGroupedVNNIx8},
		{tokens: 4, rows: 16, packed: true, run: signsTileVNNI4, grouped: signsGroupedVNNIx4},
		{tokens: 2, rows: 16, packed: true, run: signsTileVNNI2, grouped: signsGroupedVNNIx2},
		{tokens: 1, rows: 16, packed: true, run: signsTileVNNI1, grouped: signsGroupedVNNIx1},
	},
	int4: []tile{
		{tokens: 24, rows: 16, run: int4TileVNNI24},
		{tokens: 8, rows: 16, run: int4TileVNNI8},
		{tokens: 2, rows: 16, run: int4TileVNNI2, quad: int4QuadVNNI},
	},
	int8: []tile{
		{tokens: 24, rows: 16, run: int8TileVNNI24},
		{tokens: 8, rows: 16, run: int8TileVNNI8},
		{tokens: 4, rows: 16, run: int8TileVNNI4},
		{tokens: 2, rows: 16, run: int8TileVNNI2},
		{tokens: 1, rows: 16, run: int8TileVNNI1, quad: int8QuadVNNI},
	},
	packing: packing{
		rescaleSums512x16, rescaleSums512x32, addScaled512, addParts512, int4Codes512, sumInt8x512, ternaryCodes512,
		tritsWiden512, ternaryPairs512, ternaryBlock512, ternaryQuads512,
	},
	toBytes: toBytes{ternaryBytes512, tritsBytes512, signsBytes512, int4Bytes512, int8Bytes512},
}

// The tiles on registers of 256 bits read 2 bits; weights of 1.6 bits are widened for them. Taking
// their bytes apart in the tile would take longer than reading codes of 2 bits, which are a
// quarter more bytes.
var (
	avxVNNI = implementation{
		name:    "avxvnni",
		ternary: avxVNNITernary,
		trits:   withoutQuads(avxVNNITernary),
		signs:   withGrouped(avxVNNITernary, signsGroupedAVXVNNIx1, signsGroupedAVXVNNIx2, nil, signsGroupedAVXVNNIx4),
		int4: []tile{
			{tokens: 12, rows: 8, run: int4TileAVXVNNIx12},
			{tokens: 4, rows: 16, run: int4TileAVXVNNIx4, quad: int4QuadAVXVNNIx4},
			{tokens: 2, rows: 16, run: int4TileAVXVNNIx2, quad: int4QuadAVXVNNIx2},
		},
		int8: []tile{
			{tokens: 12, rows: 8, run: int8TileAVXVNNIx12},
			{tokens: 4, rows: 16, run: int8TileAVXVNNIx4, quad: int8QuadAVXVNNIx4},
			{tokens: 2, rows: 16, run: int8TileAVXVNNIx2, quad: int8QuadAVXVNNIx2},
			{tokens: 1, rows: 16, run: int8TileAVXVNNIx1, quad: int8QuadAVXVNNIx1},
		},
		packing: packing256,
	}
	avxVNNITernary = []tile{
		{tokens: 12, rows: 8, run: ternaryTileAVXVNNIx12},
		{tokens: 4, rows: 16, run: ternaryTileAVXVNNIx4, quad: ternaryQuadAVXVNNIx4, grouped: ternaryGroupedAVXVNNIx4},
		{tokens: 2, rows: 16, run: ternaryTileAVXVNNIx2, quad: ternaryQuadAVXVNNIx2, grouped: ternaryGroupedAVXVNNIx2},
		{tokens: 1, rows: 16, run: ternaryTileAVXVNNIx1, quad: ternaryQuadAVXVNNIx1, grouped: ternaryGroupedAVXVNNIx1},
	}
	avx2 = implementation{
		name:    "avx2",
		ternary: avx2Ternary,
		trits:   withoutQuads(avx2Ternary),
		signs:   withGrouped(avx2Ternary, signsGroupedAVX2x1, signsGroupedAVX2x2, nil, signsGroupedAVX2x4),
		int4: []tile{
			{tokens: 12, rows: 8, run: int4TileAVX2x12},
			{tokens: 4, rows: 16, run: int4TileAVX2x4, quad: int4QuadAVX2x4},
			{tokens: 2, rows: 16, run: int4TileAVX2x2, quad: int4QuadAVX2x2},
		},
		int8: []tile{
			{tokens: 4, rows: 16, run: int8TileAVX2x4, quad: int8QuadAVX2x4},
			{tokens: 2, rows: 16, run: int8TileAVX2x2, quad: int8QuadAVX2x2},
			{tokens: 1, rows: 16, run: int8TileAVX2x1, quad: int8QuadAVX2x1},
		},
		packing: packing256,
	}
	avx2Ternary = []tile{
		{tokens: 12, rows: 8, run: ternaryTileAVX2x12},
		{tokens: 4, rows: 16, run: ternaryTileAVX2x4, quad: ternaryQuadAVX2x4, grouped: ternaryGroupedAVX2x4},
		{tokens: 2, rows: 16, run: ternaryTileAVX2x2, quad: ternaryQuadAVX2x2, grouped: ternaryGroupedAVX2x2},
		{tokens: 1, rows: 16, run: ternaryTileAVX2x1, quad: ternaryQuadAVX2x1, grouped: ternaryGroupedAVX2x1},
	}
	packing256 = packing{
		rescaleSums256x16, rescaleSums256x32, addScaled256, nil, int4Codes256, sumInt8x256, ternaryCodes256,
		tritsWiden256, nil, nil, ternaryQuads256,
	}
)
