//go:build amd64 && !linux && !purego

package kernel

// amxPermitted is false where we do not know how to ask for the registers.
func amxPermitted() bool { return false }
