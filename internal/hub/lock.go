package hub

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 200 * time.Millisecond

// hold waits for a lock and returns what gives it back. The system gives it back too when
// a process ends, however it ends, so no lock is ever stale. The file stays: to remove it
// would part those that wait for it from those that come later.
func (j *job) hold(ctx context.Context, name, what string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		f, busy, err := tryLock(name)
		if err != nil {
			return nil, fmt.Errorf("cannot lock %s: %w: the folder has to lie on a disk that has locks", name, err)
		}
		if !busy && isStill(name, f) {
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

// isStill reports whether the name is still that of the open file.
func isStill(name string, f *os.File) bool {
	now, err := os.Stat(name)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(now, opened)
}
