package sandbox

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// limitError is the limit that a program reached.
type limitError Reason

func (e limitError) Error() string { return string(e) }

// watchEvery is how often the folder of a program is measured.
const watchEvery = 50 * time.Millisecond

// watch ends the program at the limit of wall-clock time, or when its folder holds too much:
// the system limits the size of one file, but not of all together.
func (s *Sandbox) watch(ctx context.Context, dir string, cancel context.CancelCauseFunc) {
	clock := time.NewTimer(s.limits.Clock)
	defer clock.Stop()
	ticks := time.NewTicker(watchEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
			cancel(limitError(Timeout))
		case <-ticks.C:
			if tooMuch(dir, int64(s.limits.FileBytes)) {
				cancel(limitError(Files))
			}
		}
	}
}

// tooMuch reports whether a folder holds more than maxBytes bytes or maxEntries entries. A folder
// that cannot be read counts as too much, since a program made it so to hide something.
func tooMuch(dir string, maxBytes int64) bool {
	entries, bytes := 0, int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // gone since the folder was read
		}
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		if entries++; entries > maxEntries || bytes > maxBytes {
			return fs.ErrInvalid
		}
		return nil
	})
	return err != nil
}

// removeTree removes a folder, even if it has folders in it that may not be listed.
func removeTree(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	// WalkDir visits a folder before it reads it, so its mode can be changed in between.
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
