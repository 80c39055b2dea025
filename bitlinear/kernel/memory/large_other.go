//go:build !linux

package memory

// askLarge does nothing: only Linux is asked for large pages.
func askLarge([]byte) {}
