//go:build (!amd64 && !arm64) || purego

package intgrad

// implementations lists plain Go alone: there is no assembly for this processor.
func implementations() []implementation { return []implementation{generic} }
