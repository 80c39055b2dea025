package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What was stopped, or found no space, is said to go on only if it does.
func TestWayOn(t *testing.T) {
	dir := t.TempDir()
	left, none := filepath.Join(dir, "left"), filepath.Join(dir, "none")
	if err := os.Mkdir(filepath.Join(dir, ".left.preparing"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".left.preparing", "journal.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	stopped, other := fmt.Errorf("texts: %w", context.Canceled), errors.New("a wrong column")
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	for _, c := range []struct {
		err       error
		out, want string
	}{
		{stopped, left, "goes on after the last shard"}, {stopped, none, "nothing is left, the same command begins again"},
		{full, left, "no space left on device: once there is space, the same command goes on"}, {full, none, "no space left on device"},
		{other, left, "a wrong column"},
	} {
		got := wayOn(c.err, c.out).Error()
		if !strings.HasSuffix(strings.TrimSuffix(got, " after the last shard"), strings.TrimSuffix(c.want, " after the last shard")) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
