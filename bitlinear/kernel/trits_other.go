//go:build !amd64 || purego

package kernel

func tritsTiles(tiles []tile) []tile { return tiles }

// FastTrits reports whether one token is multiplied by trits without unpacking them.
func FastTrits() bool { return false }
