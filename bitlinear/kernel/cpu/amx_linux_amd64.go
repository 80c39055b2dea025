//go:build !purego

package cpu

import "syscall"

// amxPermitted asks Linux for the registers and reports whether it permits them. Linux saves their
// 8 kB only for processes that have asked.
func amxPermitted() bool {
	const archReqXcompPerm, tileData = 0x1023, 18
	_, _, failed := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXcompPerm, tileData, 0)
	return failed == 0
}
