//go:build !purego

package cpu

import "golang.org/x/sys/unix"

// hasBF16 asks Linux, since golang.org/x/sys/cpu does not.
func hasBF16() bool {
	const hwcap2, bf16 = 26, 1 << 14 // AT_HWCAP2, HWCAP2_BF16
	vector, err := unix.Auxv()
	for _, entry := range vector {
		if entry[0] == hwcap2 {
			return err == nil && entry[1]&bf16 != 0
		}
	}
	return false
}
