//go:build !amd64 || purego

package gemm

// implementations lists those that this processor can run: there is no assembly for it.
func implementations() []implementation { return []implementation{generic} }

// engines is empty: bfloat16 is multiplied on amd64 alone.
func engines() []engine { return nil }
