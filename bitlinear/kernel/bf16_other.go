//go:build !amd64 || purego

package kernel

func bf16Engines() []bf16Engine { return nil }

// Nothing calls the functions below where there is no engine.

func bf16Pairs512(int, *byte, *float32, int)                 {}
func bf16TernaryPairs512(int, *byte, *float32, int, float32) {}
func bf16Int8Pairs512(int, *byte, *int8, int)                {}
func bf16PairsOfRows512(int, *byte, *float32, int)           {}
func bf16Row512(int, *byte, int, *float32)                   {}
func bf16Columns512(*byte, *float32, int)                    {}
