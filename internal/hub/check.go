package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"trit/setting"
)

// state is what is known of a file that is there.
type state int

const (
	unchecked state = iota // it is absent, or nothing says which hash it should have
	right                  // it has the Hub's hash
	wrong                  // it has another
)

// check gathers what Client.Verify finds. Files are hashed several at the same time.
type check struct {
	*transfer
	mu      sync.Mutex
	states  map[string]state
	bytes   int64
	wrong   []string // lines
	unknown []string // paths of files without a known hash
}

// check hashes the chosen files that are there. Files that are wrong count as missing from then
// on; where nobody can be asked for them, they are an error.
func (t *transfer) check(ctx context.Context, l listing) error {
	c := &check{transfer: t, states: map[string]state{}}
	for _, f := range l.files {
		t.count.add(0, fileSize(t.store.place(f)))
	}
	err := forEach(ctx, cap(t.slots), int64(len(l.files)), func(ctx context.Context, i int64) error {
		return c.file(ctx, l.files[i])
	})
	if err != nil {
		return err
	}
	t.states = c.states
	return c.report()
}

// fileSize is 0 where there is no file.
func fileSize(name string) int64 {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// file hashes one file, if it is there.
func (c *check) file(ctx context.Context, f file) error {
	place := c.store.place(f)
	if info, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if (f.hash == "" || f.size < 0) && !c.offline {
		known, err := c.learn(ctx, &source{j: c.job, commit: c.commit, f: f})
		if err != nil {
			return c.named(f, err)
		}
		f = known
	}
	if f.hash == "" {
		c.found(f, unchecked, "")
		return nil
	}
	err := verifyCounted(ctx, place, f, func(n int) { c.count.add(int64(n), 0) })
	var mismatch *MismatchError
	switch {
	case errors.As(err, &mismatch):
		c.found(f, wrong, fmt.Sprintf("%s is wrong: expected %s, found %s", f.path, mismatch.Expected, mismatch.Found))
		return nil
	case err != nil:
		return c.named(f, err)
	}
	c.found(f, right, "")
	return nil
}

func (c *check) found(f file, s state, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states[f.path] = s
	switch s {
	case wrong:
		c.wrong = append(c.wrong, line)
	case unchecked:
		c.unknown = append(c.unknown, f.path)
	}
	if s != unchecked {
		c.bytes += max(f.size, 0)
	}
}

// report says what was found. Wrong files are an error where they cannot be fetched again.
func (c *check) report() error {
	slices.Sort(c.wrong)
	slices.Sort(c.unknown)
	for _, line := range c.wrong {
		c.notice("%s", line)
	}
	if len(c.unknown) > 0 {
		c.notice("no hash is known of these files, they were not checked: %s", strings.Join(c.unknown, ", "))
	}
	n := len(c.states) - len(c.unknown)
	c.notice("checked %d files, %d bytes: %d wrong", n, c.bytes, len(c.wrong))
	if len(c.wrong) > 0 && c.offline {
		return setting.Needs("hub.Client.Offline", fmt.Sprintf("files of %s that are wrong cannot be replaced (%d of %d): %s",
			c.repo, len(c.wrong), n, c.wrong[0]), "without {hub.Client.Offline} they are fetched again")
	}
	return nil
}

// isReady reports whether a file is there and not known to be wrong.
func (t *transfer) isReady(f file) (bool, error) {
	switch t.states[f.path] {
	case wrong:
		return false, nil
	case right:
		return t.store.show(f)
	}
	return t.store.ready(f)
}

// isReadyNow is isReady under the file's lock: another call may have replaced a wrong file.
func (t *transfer) isReadyNow(ctx context.Context, f file) (bool, error) {
	if t.states[f.path] != wrong {
		return t.isReady(f)
	}
	if err := verify(ctx, t.store.place(f), f); err != nil {
		return false, ctx.Err()
	}
	return t.store.show(f)
}
