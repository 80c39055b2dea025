package sandbox

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// limitError is the limit for which a program was ended.
type limitError Reason

func (e limitError) Error() string { return string(e) }

// watchEvery is how often the folder of a program is measured.
const watchEvery = 50 * time.Millisecond

// watch ends the program when its time by the clock is over, or when its folder holds
// too much: a limit of the system is one a file, and there may be many.
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

// tooMuch reports whether a folder holds more than maxBytes bytes or maxEntries entries. One
// that cannot be looked into is too much: it was made so in order to hide something.
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

// removeTree removes a folder, also one with folders in it that may not be listed.
func removeTree(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	// A folder is shown before it is read, so it can be opened up in between.
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
