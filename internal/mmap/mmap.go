// Package mmap opens files as read-only memory, so that a model is paged in as it is
// used and shared between processes.
package mmap

import (
	"errors"
	"os"
)

// File is a file in memory. Data must not be written to, nor used after Close.
type File struct {
	Data  []byte
	unmap func([]byte) error
}

var errNotFile = errors.New("it is a folder, a pipe or a device: want a file")

// Open maps path, or reads it where the system cannot map files.
func Open(path string) (*File, error) {
	info, err := os.Stat(path) // before it is opened, which for a pipe would wait for ever
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

// Release says that a part of Data is not needed for now: its memory is given back, and
// read from the file again if it is used after all.
func (f *File) Release(part []byte) error {
	if f.unmap == nil {
		return nil
	}
	return release(part)
}

// Close gives the memory back.
func (f *File) Close() error {
	data := f.Data
	f.Data = nil
	if data == nil || f.unmap == nil {
		return nil
	}
	return f.unmap(data)
}
