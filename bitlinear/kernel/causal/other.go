//go:build !amd64 || purego

package causal

// Nothing calls the functions below: there is no engine for bfloat16 on other processors; see gemm.HasBF16.

func panel512(int, int, *byte, *float32, int)                                                     {}
func block512(int, int, *byte, *float32, int)                                                     {}
func transpose512(*byte, *byte)                                                                   {}
func tops512(int, *float32, int32, *int32)                                                        {}
func weights512(int, *float32, int32, *int32, float32, *byte, int)                                {}
func rows512(int, int, *float32, *float32, *float32, int)                                         {}
func gradients512(int, *float32, *float32, int32, *int32, float32, *byte, *byte, int, *byte, int) {}
func dots512(int, int, *float32, *float32, int, *float32, int)                                    {}
