//go:build !amd64 || purego

package kernel

const hasAMX = false

func amxTiles(int, int, *byte, *int8, *int32, *int32, *[64]byte) {}
func amxHalfTile(int, *byte, *int8, *int32, *int32, *[64]byte)   {}
func ternaryBytes(dst, block []byte)                             {}
func tritsBytes(dst, block []byte)                               {}
func int4Bytes(dst, block []byte)                                {}
func rescaleSums512(int, *float32, int, *int32, *float32)        {}
