package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Read reads a whole file of at most limit bytes. Pipes and devices, which may never end,
// are refused before they are opened.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is a folder, a pipe or a device: want a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes: want a file that is no larger", path, limit)
	}
	return b, err
}

// FirstEntry returns the name of an entry of a folder, or "" if the folder is empty or does not
// exist.
func FirstEntry(dir string) (name string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil || len(entries) == 0 {
		return "", err
	}
	return entries[0].Name(), nil
}
