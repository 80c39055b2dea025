//go:build !amd64 || purego

package kernel

func tritsTiles(tiles []tile) []tile { return tiles }

func tritsWiden512(int, *byte, *byte) {}
