// Package cpu reports the instruction sets that the processor has and the system permits. The
// kernel packages choose their implementations by them. Each architecture has variables of its
// own, read once from golang.org/x/sys/cpu, so GODEBUG=cpu.avx512f=off and the like hold here
// too. With the build tag purego, and on other architectures, there are no variables.
package cpu
