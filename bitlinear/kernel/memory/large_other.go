//go:build !linux

package memory

// Allocate makes n zero bytes for weights. Only on Linux it asks for large pages.
func Allocate(n int) []byte { return make([]byte, n) }
