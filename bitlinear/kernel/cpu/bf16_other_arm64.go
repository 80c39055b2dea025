//go:build arm64 && !linux && !darwin && !purego

package cpu

// hasBF16 is false: we do not know how to ask this system.
func hasBF16() bool { return false }
