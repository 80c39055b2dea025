//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// hold locks a file or folder and reports whether the name still exists. On a disk without
// locks it succeeds, since nobody else can lock there either.
func hold(name string) (release func(), held bool) {
	f, err := os.Open(name)
	if err != nil {
		return nil, false
	}
	for errors.Is(flock(f, syscall.LOCK_EX), syscall.EINTR) {
	}
	opened, err := f.Stat()
	now, errNow := os.Stat(name)
	if err != nil || errNow != nil || !os.SameFile(opened, now) {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}

// tryHold locks a file or folder and reports whether nobody else has.
func tryHold(name string) (release func(), free bool) {
	f, err := os.Open(name)
	if err != nil {
		return nil, false
	}
	if flock(f, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}

// Lock locks a file or folder until release, or until the process ends. It is not free if another process
// holds it.
func Lock(name string) (release func(), free bool) { return tryHold(name) }

func flock(f *os.File, how int) error { return syscall.Flock(int(f.Fd()), how) }
