//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// What nobody holds is removed; what is being written, or only looks alike, stays.
func TestRemoveStale(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	keep := plantTemporaries(t, path)
	live, release, err := TempDir(path)
	if err != nil {
		t.Fatal(err)
	}
	keep = append(keep, filepath.Base(live))
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	check := func(when string) {
		RemoveStale(path)
		got, want := names(t, dir), append(slices.Clone(keep), filepath.Base(f.Name()))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	check("before it is written")
	if _, err = f.Write([]byte("whole")); err == nil {
		err = f.Finish()
	}
	check("before it has its name")
	if b, _ := os.ReadFile(f.Name()); err != nil || string(b) != "whole" {
		t.Errorf("finished: %q, %v", b, err)
	}
	err = f.Commit()
	if b, _ := os.ReadFile(path); err != nil || string(b) != "whole" {
		t.Errorf("%q, %v", b, err)
	}
	release()
	RemoveStale(path)
	want := keep[:len(keep)-1]
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("%v is left, want %v", got, want)
	}
}

func TestRemoveStaleIn(t *testing.T) {
	dir := t.TempDir()
	live, err := Create(filepath.Join(dir, "live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Discard()
	keep := []string{filepath.Base(live.Name()), ".tmp-1", ".x.tmp-", ".x.tmp-1a", ".x", "x.tmp-1"}
	for _, name := range append(keep[1:], ".x.tmp-1", ".y.tmp-2.tmp-34") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	RemoveStaleIn(dir)
	if slices.Sort(keep); !slices.Equal(names(t, dir), keep) {
		t.Errorf("%v is left, want %v", names(t, dir), keep)
	}
}

// plantTemporaries makes files and folders beside path, some that a killed process would leave, and
// others, whose names it returns.
func plantTemporaries(t *testing.T, path string) (others []string) {
	t.Helper()
	dir := filepath.Dir(path)
	others = []string{".x.tmp-", ".x.tmp-1a", ".x.tmp-3", ".xy.tmp-1", "x", "x.tmp-1"}
	for _, name := range append(slices.Clone(others), ".x.tmp-1") {
		if name == ".x.tmp-3" {
			if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeDir(t, filepath.Join(dir, ".x.tmp-2"), "left")
	return others
}

// A file that was removed between its making and its locking is made again.
func TestHoldNeedsTheName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, held := hold(path); held {
		t.Error("a file that is not there was locked")
	}
	f, release, err := createTemp(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, free := tryHold(f.Name()); free {
		t.Error("a lock was taken twice")
	}
	release()
	again, free := tryHold(f.Name())
	if !free {
		t.Fatal("a lock that was let go of could not be taken")
	}
	again()
}

// Writers and those who remove what is stale do not get in each other's way.
func TestRemoveStaleBesideWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				RemoveStale(path)
			}
		}
	}()
	for range 60 {
		if err := WriteBytes(path, []byte("whole")); err != nil {
			t.Fatal(err)
		}
		dir, release, err := TempDir(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err != nil {
			t.Error(err)
		}
		release()
		os.RemoveAll(dir)
	}
	close(stop)
	<-stopped
}
