//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// hold locks a file or folder. It is false where the name is gone; a disk without locks
// counts as locked, since there nobody can lock it either.
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

// tryHold locks what nobody else has locked.
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

func flock(f *os.File, how int) error { return syscall.Flock(int(f.Fd()), how) }
