// Package atomicfile writes files whole or not at all, and reads those whole that are small.
package atomicfile

import (
	"io"
	"os"
	"runtime"
)

// Write calls fill with a buffered writer to a temporary file beside path, then
// syncs it and renames it to path. When fill or the disk fails, path is untouched and
// the temporary file is gone.
func Write(path string, fill func(w io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Finish(); err != nil {
		return err
	}
	return f.Commit()
}

// bufferBytes is what small writes are gathered in; larger ones pass it by.
const bufferBytes = 1 << 17

// writebackBytes is how much is written before the disk begins with it.
const writebackBytes = 16 << 20

// writer writes a file whose earlier parts the disk takes meanwhile, so that little is left
// for Sync.
type writer struct {
	f             *os.File
	end, onItsWay int64
}

func (w *writer) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	w.end += int64(n)
	if more := w.end - w.onItsWay; more >= writebackBytes {
		startWriteback(w.f, w.onItsWay, more)
		w.onItsWay = w.end
	}
	return n, err
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
