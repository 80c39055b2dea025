//go:build unix

package train

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps two runs out of one folder. The system frees it when the process ends,
// however that happens.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: another run is at work in this folder: wait for it or name another --out", path)
	}
	return func() { f.Close() }, nil
}
