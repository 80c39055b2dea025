//go:build !amd64 || purego

package kernel

// Nothing calls the functions below where there is no AMX.
const hasAMX = false

func amxTiles(int, int, *byte, int, *int8, int, *int32, int, *[64]byte) {}
func amxHalfTile(int, *byte, int, *int8, *int32, *[64]byte)             {}

func ternaryBytes(dst, block []byte) {}
func tritsBytes(dst, block []byte)   {}
func int4Bytes(dst, block []byte)    {}
func int8Bytes(dst, block []byte)    {}
