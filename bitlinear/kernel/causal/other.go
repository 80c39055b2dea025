//go:build !amd64 || purego

package causal

// assembled is false: nothing calls the functions below; see Has.
const assembled = false

func panel512(int, int, *byte, *float32, int)                                                     {}
func block512(int, int, *byte, *float32, int)                                                     {}
func transpose512(*byte, *byte)                                                                   {}
func tops512(int, *float32, int32, *int32)                                                        {}
func weights512(int, *float32, int32, *int32, float32, *byte, int)                                {}
func rows512(int, int, *float32, *float32, *float32, int)                                         {}
func gradients512(int, *float32, *float32, int32, *int32, float32, *byte, *byte, int, *byte, int) {}
func dots512(int, int, *float32, *float32, int, *float32, int)                                    {}
