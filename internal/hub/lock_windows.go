package hub

import (
	"errors"
	"os"
	"syscall"
)

// sharingViolation is the error of opening a file that another process has opened for itself
// alone.
const sharingViolation = syscall.Errno(32)

// tryLock opens the file so that nobody else can.
func tryLock(name string) (f *os.File, busy bool, err error) {
	wide, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, false, err
	}
	h, err := syscall.CreateFile(wide, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return os.NewFile(uintptr(h), name), false, nil
}
