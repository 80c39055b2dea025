//go:build amd64 && !linux && !purego

package cpu

// amxPermitted is false where we do not know how to ask for the registers.
func amxPermitted() bool { return false }
