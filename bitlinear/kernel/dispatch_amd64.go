//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// tileImplementations lists the implementations that this machine can run, best first.
func tileImplementations() []tileImplementation {
	list := []tileImplementation{{"generic", gemmTileGeneric}}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append([]tileImplementation{{"avx2", gemmTileAVX2}}, list...)
	}
	if cpu.X86.HasAVX512F {
		list = append([]tileImplementation{{"avx512", gemmTileAVX512}}, list...)
	}
	return list
}

// gemmTileAVX512 is gemmTileGeneric with fused multiply-add: 16 sums of 16 lanes.
//
//go:noescape
func gemmTileAVX512(k int, a, b, c *float32, ldc int, accumulate bool)

// gemmTileAVX2 is gemmTileGeneric with fused multiply-add: two rows at a time, 8 sums
// of 8 lanes.
//
//go:noescape
func gemmTileAVX2(k int, a, b, c *float32, ldc int, accumulate bool)
