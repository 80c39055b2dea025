//go:build !purego

package gemm

import "trit/bitlinear/kernel/cpu"

// engines lists the engines for bfloat16 that this processor can run, the best first.
func engines() (list []engine) {
	if cpu.BF16 {
		list = append(list, engine{"bfmmla", tilesBFMMLA, productsBFMMLA})
	}
	return list
}

func productsBFMMLA(list []Packed) {
	for _, p := range list {
		tilesBFMMLA(p.Panels, p.Steps, p.W, p.BlockBytes, p.X, p.PanelBytes, p.Dst, p.More, p.W)
	}
}

// tilesBFMMLA is the tiles of an engine, with sums rounded as BFMMLA does.
func tilesBFMMLA(
	panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, next *byte,
)

// The functions below pack for an engine; their names are those of amd64, where 512 is the width of registers.

// bf16Pairs512 writes dst[p][j] = x[2p*ld+j], x[(2p+1)*ld+j] in bfloat16 for 16 columns j.
func bf16Pairs512(pairs int, dst *byte, x *float32, ld int)

// bf16TernaryPairs512 is bf16Pairs512 of the ternary values of x, as vector.Ternarize makes them.
func bf16TernaryPairs512(pairs int, dst *byte, x *float32, ld int, inverse float32)

// bf16Int8Pairs512 is bf16Pairs512 of int8.
func bf16Int8Pairs512(pairs int, dst *byte, x *int8, ld int)

// bf16PairsOfRows512 writes dst[s][p][j] = x[j*ld+32s+2p], x[j*ld+32s+2p+1] in bfloat16 for 16 rows j
// and 16 pairs p of each step.
func bf16PairsOfRows512(steps int, dst *byte, x *float32, ld int)

// bf16Row512 writes 32 values of x times factor in bfloat16 to dst, the next 32 dstStep bytes later, and so on.
func bf16Row512(steps int, dst *byte, dstStep int, x *float32, factor float32)

// bf16Columns512 writes dst[j][p] = x[p*ld+j] in bfloat16 for 16 columns j and 32 rows p.
func bf16Columns512(dst *byte, x *float32, ld int)

// bf16Transpose512 writes dst[j][i] = x[i][j] for 32 rows of 32 words of 16 bits.
func bf16Transpose512(dst, x *byte)
