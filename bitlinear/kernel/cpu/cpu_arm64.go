//go:build !purego

package cpu

import "golang.org/x/sys/cpu"

// Instruction sets of a processor for arm64. NEON, the registers of 128 bits, is part of the architecture.
var (
	// DotProduct is products of four bytes, SDOT.
	DotProduct = cpu.ARM64.HasASIMDDP
	// MatrixInt8 is DotProduct with products of two by eight bytes by eight by two, SMMLA.
	MatrixInt8 = DotProduct && cpu.ARM64.HasI8MM
	// BF16 is products of bfloat16, two by four values by four by two, BFMMLA.
	BF16 = hasBF16()
)
