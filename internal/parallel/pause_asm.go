//go:build (amd64 || arm64) && !purego

package parallel

// pause tells the processor that the caller waits for a change of memory, so that a second
// thread of the core gets its resources.
func pause()
