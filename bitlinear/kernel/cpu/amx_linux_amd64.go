//go:build !purego

package cpu

import "syscall"

// amxPermitted asks Linux for the registers: it saves their 8 kB for those processes only
// that ask.
func amxPermitted() bool {
	const archReqXcompPerm, tileData = 0x1023, 18
	_, _, failed := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXcompPerm, tileData, 0)
	return failed == 0
}
