package hub

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockPoll is the time between tries to take a lock that another process holds.
const lockPoll = 200 * time.Millisecond

// hold waits for a lock and returns a function that releases it. The system releases it when
// the process ends, however it ends, so no lock is ever stale. The file stays: if it were
// removed, processes that wait for it and later ones would lock two files.
func (j *job) hold(ctx context.Context, name, what string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		f, busy, err := tryLock(name)
		if err != nil {
			return nil, fmt.Errorf("cannot lock %s: %w: the folder has to lie on a disk that has locks", name, err)
		}
		if !busy && isNameOf(name, f) {
			return func() { f.Close() }, nil
		}
		if f != nil {
			f.Close()
			continue
		}
		if !told {
			j.notice("another process fetches %s: waiting for it", what)
		}
		if err := j.sleep(ctx, lockPoll); err != nil {
			return nil, err
		}
	}
}

// isNameOf reports whether name is still a name of the open file.
func isNameOf(name string, f *os.File) bool {
	now, err := os.Stat(name)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(now, opened)
}
