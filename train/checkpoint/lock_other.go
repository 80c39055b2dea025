//go:build !unix

package checkpoint

// Lock does nothing: this system has no advisory locks.
func Lock(string) (unlock func(), err error) { return func() {}, nil }
