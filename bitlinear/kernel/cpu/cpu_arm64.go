//go:build !purego

package cpu

import "golang.org/x/sys/cpu"

// DotProduct is products of four bytes, SDOT. NEON, the registers of 128 bits, is part of the
// architecture.
var DotProduct = cpu.ARM64.HasASIMDDP
