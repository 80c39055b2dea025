//go:build !purego

package gemm

import (
	"trit/bitlinear/kernel/amx"
	"trit/bitlinear/kernel/cpu"
)

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AVX512 {
		list = append(list, avx512)
	}
	if cpu.FMA {
		list = append(list, avx2)
	}
	return append(list, generic)
}

// engines lists the engines for bfloat16 that this processor can run, the best first.
func engines() (list []engine) {
	if cpu.AMXBF16 {
		list = append(list, engine{"amx", amx.PanelsBF16, amx.ProductsBF16})
	}
	if cpu.AVX512BF16 {
		list = append(list, engine{"avx512bf16", tilesBF16x512, productsBF16x512})
	}
	return list
}

func productsBF16x512(list []Packed) {
	for _, p := range list {
		tilesBF16x512(p.Panels, p.Steps, p.W, p.BlockBytes, p.X, p.PanelBytes, p.Dst, p.More, p.W)
	}
}

var avx512 = implementation{
	name:       "avx512",
	tile:       gemmTileAVX512,
	packEight:  packEight256,
	packOctets: packOctets256,
	storeSums:  storeSums512,
	addSums:    addSums512,
	streamSums: streamSums512,
}

var avx2 = implementation{
	name:       "avx2",
	tile:       gemmTileAVX2,
	packEight:  packEight256,
	packOctets: packOctets256,
	storeSums:  storeSums256,
	addSums:    addSums256,
	streamSums: streamSums256,
}

// gemmTileAVX512 is tileGeneric with fused multiply-add: 16 sums of 16 lanes.
//
//go:noescape
func gemmTileAVX512(k int, a, b, c *float32, ldc int, accumulate bool)

// gemmTileAVX2 is tileGeneric with fused multiply-add: two rows at a time, 8 sums
// of 8 lanes.
//
//go:noescape
func gemmTileAVX2(k int, a, b, c *float32, ldc int, accumulate bool)
