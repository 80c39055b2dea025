//go:build !amd64 || purego

package attention

// implementations lists those that this processor can run: there is no assembly for it.
func implementations() []implementation { return []implementation{generic} }
