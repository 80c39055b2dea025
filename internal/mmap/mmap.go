// Package mmap opens files as read-only memory. So only the parts of a model that are used are
// read, and processes share them.
package mmap

import (
	"errors"
	"os"
)

// File is a mapped file. Data must not be written to, nor used after Close.
type File struct {
	Data  []byte
	unmap func([]byte) error
}

var errNotFile = errors.New("it is a folder, a pipe or a device: want a file")

// Open maps path, or reads it if the system cannot map files.
func Open(path string) (*File, error) {
	info, err := os.Stat(path) // before it is opened, which would block on a pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: path, Err: errNotFile}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return &File{}, nil
	}
	data, unmap, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	return &File{data, unmap}, nil
}

// Release frees the memory of a part of Data, which must be a slice of it. The part is read
// from the file again when it is used again.
func (f *File) Release(part []byte) error {
	if f.unmap == nil {
		return nil
	}
	return release(part)
}

// Close unmaps the file.
func (f *File) Close() error {
	data := f.Data
	f.Data = nil
	if data == nil || f.unmap == nil {
		return nil
	}
	return f.unmap(data)
}
