//go:build !linux

package memory

// Allocate makes n zero bytes for weights; large pages are asked for on Linux alone.
func Allocate(n int) []byte { return make([]byte, n) }
