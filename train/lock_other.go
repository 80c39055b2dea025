//go:build !unix

package train

// lock does nothing: this system has no advisory locks.
func lock(string) (unlock func(), err error) { return func() {}, nil }
