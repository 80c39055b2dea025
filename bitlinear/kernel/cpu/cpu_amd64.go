//go:build !purego

package cpu

import "golang.org/x/sys/cpu"

// Instruction sets of a processor for amd64. A variable includes the other sets that its code
// uses, so that a dispatch asks for one name.
var (
	// AVX2 is integers in registers of 256 bits.
	AVX2 = cpu.X86.HasAVX2
	// FMA is AVX2 with float32: fused multiply-add, and conversion of half precision.
	FMA = AVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C
	// AVXVNNI is AVX2 with products of four bytes, VPDPBUSD.
	AVXVNNI = AVX2 && cpu.X86.HasAVXVNNI
	// AVX512 is registers of 512 bits, with the instructions for bytes and for double words. All
	// processors with AVX-512 except the Xeon Phi have these.
	AVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ
	// AVX512VNNI is AVX512 with VPDPBUSD.
	AVX512VNNI = AVX512 && cpu.X86.HasAVX512VNNI
	// AVX512VBMI is AVX512 with permutations of bytes.
	AVX512VBMI = AVX512 && cpu.X86.HasAVX512VBMI
	// AVX512BF16 is AVX512 with products of pairs of bfloat16, VDPBF16PS.
	AVX512BF16 = AVX512 && cpu.X86.HasAVX512BF16
	// AMX is matrix registers for int8, which the system lets this process use, beside AVX512VNNI.
	AMX = AVX512VNNI && cpu.X86.HasAMXTile && cpu.X86.HasAMXInt8 && amxPermitted()
	// AMXBF16 is AMX for bfloat16 too, beside AVX512BF16.
	AMXBF16 = AMX && cpu.X86.HasAMXBF16 && AVX512BF16
)
