//go:build unix

package history

import (
	"errors"
	"os"
	"syscall"
)

// lock reports whether no other process has locked the file. On a disk without locks nobody has.
func lock(f *os.File) bool {
	return !errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
