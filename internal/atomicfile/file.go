package atomicfile

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
)

// File is a file that is written under a temporary name beside its final one. The order of calls
// is Create, Write, Finish, Commit. Discard may be called at any point, and must be in the end.
type File struct {
	path    string
	file    *os.File
	buffer  *bufio.Writer
	release func()     // of the lock on the temporary name
	synced  chan error // nil before Finish
	done    bool       // committed
	mode    os.FileMode
}

// Create makes a temporary file for path. The caller must call Discard in the end.
func Create(path string) (*File, error) {
	f, release, err := createTemp(path)
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewWriterSize(&writer{f: f}, bufferBytes)
	return &File{path: path, file: f, buffer: buffer, release: release, mode: 0o644}, nil
}

// Name is the temporary name. The file can be read under it after Finish.
func (f *File) Name() string { return f.file.Name() }

// Write appends to the file.
func (f *File) Write(b []byte) (int, error) { return f.buffer.Write(b) }

// Finish ends the writing. The rest of the file goes to the disk in the background, while the
// caller may already read it.
func (f *File) Finish() error {
	if err := f.buffer.Flush(); err != nil {
		return err
	}
	if err := f.file.Chmod(f.mode); err != nil {
		return err
	}
	f.synced = make(chan error, 1)
	go func() { f.synced <- f.file.Sync() }()
	return nil
}

// Commit waits for the disk and gives a finished file its final name, in place of a file that had
// it.
func (f *File) Commit() error {
	if err := f.wait(); err != nil {
		return err
	}
	if err := f.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.file.Name(), f.path); err != nil {
		return err
	}
	f.done = true
	return SyncDir(filepath.Dir(f.path))
}

// wait returns when a finished file is on the disk.
func (f *File) wait() error {
	if f.synced == nil {
		return errors.New("the file is not finished")
	}
	err := <-f.synced
	f.synced <- err // for the next call
	return err
}

// Discard removes a file that was not committed, and lets go of the lock on its name.
func (f *File) Discard() {
	if !f.done {
		if f.synced != nil {
			f.wait()
		}
		f.file.Close()
		os.Remove(f.file.Name())
	}
	f.release()
}
