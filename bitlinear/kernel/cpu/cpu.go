// Package cpu reports what the processor has and the system lets us use, under the names by
// which the rooms of kernels choose. Each architecture has variables of its own, read once from
// golang.org/x/sys/cpu, so GODEBUG=cpu.avx512f=off and the like hold here too. With the build tag
// purego, and on other architectures, there are none.
package cpu
