//go:build amd64 && !linux && !purego

package cpu

// amxPermitted is false: we do not know how to ask this system for the registers.
func amxPermitted() bool { return false }
