//go:build !amd64 || purego

package kernel

// Nothing calls the functions below where there is no AMX.
const hasAMX = false

// HasBF16 tells whether GemmBF16 works here.
func HasBF16() bool { return false }

func amxTilesBF16(int, int, *byte, int, *byte, int, *float32, int, *[64]byte, *byte) {}
func bf16Pairs512(int, *byte, *float32, int)                                         {}
func bf16Row512(int, *byte, int, *float32)                                           {}
func bf16Columns512(*byte, *float32, int)                                            {}
func bf16TernaryPairs512(int, *byte, *float32, int, float32)                         {}
func bf16Int8Pairs512(int, *byte, *int8, int)                                        {}
func bf16PairsOfRows512(int, *byte, *float32, int)                                   {}

func amxTiles(int, int, *byte, int, *int8, int, *int32, int, *[64]byte) {}
func amxHalfTile(int, *byte, int, *int8, *int32, *[64]byte)             {}

func ternaryBytes(dst, block []byte) {}
func tritsBytes(dst, block []byte)   {}
func int4Bytes(dst, block []byte)    {}
func int8Bytes(dst, block []byte)    {}
