package hub

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// workFolder is where a plain folder keeps what has not come whole yet.
const workFolder = ".trit-download"

// folderPlace puts files into a plain folder.
type folderPlace struct {
	dir   string
	cache cacheDir
}

// work is named by the path, so that files with the same contents do not meet.
func (p *folderPlace) work(f file) string {
	return filepath.Join(p.dir, workFolder, fmt.Sprintf("%x", sha1.Sum([]byte(f.path))))
}

// lock is none: the whole folder has one.
func (p *folderPlace) lock(file) string { return "" }

// ready reports whether the file is there with its contents. Other contents are the
// user's, and an error.
func (p *folderPlace) ready(f file) (bool, error) {
	name := filepath.Join(p.dir, filepath.FromSlash(f.path))
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || f.hash == "" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is there and no plain file: remove it or name another folder", name)
	}
	if err := verify(context.Background(), name, f); err != nil {
		return false, fmt.Errorf("%s is there with other contents: remove it or name another folder", name)
	}
	return true, nil
}

// seed copies the file from the cache, where it is.
func (p *folderPlace) seed(f file, part string) (bool, error) {
	if !hasSize(p.cache.blob(f.hash), f.size) {
		return false, nil
	}
	return true, copyFile(part, p.cache.blob(f.hash))
}

func (p *folderPlace) finish(f file, part string) error {
	root, err := openRoot(p.dir, f.path)
	if err != nil {
		return err
	}
	defer root.Close()
	from, err := filepath.Rel(p.dir, part)
	if err != nil {
		return err
	}
	return root.Rename(from, filepath.FromSlash(f.path))
}

// lockName is the lock of the whole folder.
func (p *folderPlace) lockName() string { return filepath.Join(p.dir, workFolder, "lock") }

// clean removes what is left of the work folder once the lock is given back; another
// process may have taken it by then and keeps it.
func (p *folderPlace) clean() {
	if os.Remove(p.lockName()) == nil {
		os.Remove(filepath.Join(p.dir, workFolder))
	}
}
