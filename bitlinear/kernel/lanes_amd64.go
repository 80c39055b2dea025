//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var has512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW

// lanes is how many of n elements the vector functions take.
func lanes(n int) int {
	if has512 {
		return n &^ 15
	}
	return 0
}
