// Package atomicfile writes files whole or not at all, and reads those whole that are small.
package atomicfile

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Write calls fill with a buffered writer to a temporary file beside path, then
// syncs it and renames it to path. When fill or the disk fails, path is untouched and
// the temporary file is gone.
func Write(path string, fill func(w io.Writer) error) error { return WriteChecked(path, fill, nil) }

// WriteChecked is Write with a look at the temporary file before it takes the place of path:
// an error of check is one of the writing. A nil check accepts.
func WriteChecked(path string, fill func(w io.Writer) error, check func(written string) error) (err error) {
	f, release, err := createTemp(path)
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = fill(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if check != nil {
		if err = check(f.Name()); err != nil {
			return err
		}
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// WriteBytes writes b to path, whole or not at all.
func WriteBytes(path string, b []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// SyncDir makes renames inside a folder last through a power cut. Windows cannot sync a
// folder: there the call does nothing.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
