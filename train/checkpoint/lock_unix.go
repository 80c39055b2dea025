//go:build unix

package checkpoint

import (
	"os"

	"golang.org/x/sys/unix"

	"trit/setting"
)

// Lock keeps a second run out of a folder. The system frees the lock when the process ends,
// also when it is killed.
func Lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, setting.Needs("train.Run.OutDir", path+": another run is at work in this folder",
			"wait for it or name another {train.Run.OutDir}")
	}
	return func() { f.Close() }, nil
}
