// Package atomicfile writes files and folders whole or not at all, reads small files whole, and hashes large ones.
package atomicfile

import (
	"io"
	"os"
	"runtime"
)

// Write calls fill with a buffered writer to a temporary file beside path, then
// syncs it and renames it to path. When fill or the disk fails, path is untouched and
// the temporary file is gone.
func Write(path string, fill func(w io.Writer) error) error { return write(path, 0o644, fill) }

// WritePrivate is Write for a file that only its owner may read.
func WritePrivate(path string, fill func(w io.Writer) error) error { return write(path, 0o600, fill) }

func write(path string, mode os.FileMode, fill func(w io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	f.mode = mode
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Finish(); err != nil {
		return err
	}
	return f.Commit()
}

// bufferBytes is the size of the buffer for small writes; larger ones go to the file directly.
const bufferBytes = 1 << 17

// writebackBytes is the number of bytes after which the system is told to write them to the disk.
const writebackBytes = 16 << 20

// writer writes a file, and lets the system write its earlier parts to the disk meanwhile, so
// that little is left for Sync.
type writer struct {
	f       *os.File
	end     int64 // bytes written
	started int64 // bytes that the system was told to write to the disk
}

func (w *writer) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	w.end += int64(n)
	if more := w.end - w.started; more >= writebackBytes {
		startWriteback(w.f, w.started, more)
		w.started = w.end
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

// SyncDir makes renames inside a folder durable. On Windows, which cannot sync a folder, it
// does nothing.
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
