//go:build unix

package mmap

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int) ([]byte, func([]byte) error, error) {
	data, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	return data, unix.Munmap, err
}

// release frees the pages that lie wholly in a part of mapped memory.
func release(part []byte) error {
	page := os.Getpagesize()
	first := -int(uintptr(unsafe.Pointer(unsafe.SliceData(part)))) & (page - 1)
	if n := (len(part) - first) &^ (page - 1); n > 0 {
		return unix.Madvise(part[first:][:n], unix.MADV_DONTNEED)
	}
	return nil
}
