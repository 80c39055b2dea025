package memory

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a large page of all 64-bit processors here.
const hugePage = 2 << 20

// askLarge asks the system to hold memory in large pages.
func askLarge(data []byte) {
	first := -int(uintptr(unsafe.Pointer(unsafe.SliceData(data)))) & (hugePage - 1)
	if whole := (len(data) - first) &^ (hugePage - 1); whole > 0 {
		_ = unix.Madvise(data[first:][:whole], unix.MADV_HUGEPAGE) // only advice
	}
}
