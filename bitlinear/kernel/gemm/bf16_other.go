//go:build (!amd64 && !arm64) || purego

package gemm

// engines is empty: bfloat16 is multiplied in assembly alone.
func engines() []engine { return nil }

// Nothing calls the functions below, which pack for an engine. They are not fields of an engine,
// since calls through fields took 4 % of the time of a product of 2048 rows by 256 columns.

func bf16Row512(int, *byte, int, *float32, float32)          {}
func bf16Columns512(*byte, *float32, int)                    {}
func bf16Transpose512(_, _ *byte)                            {}
func bf16Pairs512(int, *byte, *float32, int)                 {}
func bf16TernaryPairs512(int, *byte, *float32, int, float32) {}
func bf16Int8Pairs512(int, *byte, *int8, int)                {}
func bf16PairsOfRows512(int, *byte, *float32, int)           {}
