//go:build (!amd64 && !arm64) || purego

package intmul

// implementations lists those that this processor can run: there is no assembly for it.
func implementations() []implementation { return []implementation{generic} }
