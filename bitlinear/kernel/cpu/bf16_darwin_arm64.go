//go:build !purego

package cpu

import "golang.org/x/sys/unix"

// hasBF16 asks macOS, since golang.org/x/sys/cpu does not.
func hasBF16() bool {
	there, err := unix.SysctlUint32("hw.optional.arm.FEAT_BF16")
	return err == nil && there != 0
}
