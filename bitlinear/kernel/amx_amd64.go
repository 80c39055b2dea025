//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// hasAMX tells whether the processor has AMX for int8 and the system lets us use it.
var hasAMX = hasVNNI && cpu.X86.HasAMXTile && cpu.X86.HasAMXInt8 && amxPermitted()

// amxTiles computes 32 rows for panels of 32 tokens: with activations x [steps][32][64] of
// each panel, panelBytes apart, and two blocks of weights w [steps*16][16][4], blockBytes
// apart, dst[t*32+16b+r] (+)= the sum over s, l and j of x[s][t][4l+j]*w[b][16s+l][r][j],
// added to what is there where more is not 0. A panel's sums follow on the one before.
//
//go:noescape
func amxTiles(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, config *[64]byte)

// amxHalfTile is amxTiles for as many tokens, up to 16, as the configuration has rows.
//
//go:noescape
func amxHalfTile(steps int, w *byte, blockBytes int, x *int8, dst *int32, config *[64]byte)

func ternaryBytes(dst, block []byte) { ternaryBytes512(len(block)/groupSize, &block[0], &dst[0]) }

func tritsBytes(dst, block []byte) { tritsBytes512(len(block)/groupSize, &block[0], &dst[0]) }

func int4Bytes(dst, block []byte) { int4Bytes512(len(block)/groupSize, &block[0], &dst[0]) }

func int8Bytes(dst, block []byte) { int8Bytes512(len(block)/groupSize, &block[0], &dst[0]) }
