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

// workFolder is the folder inside a plain folder that holds the files in progress.
const workFolder = ".trit-download"

// folderStore puts files into a plain folder.
type folderStore struct {
	dir   string
	cache cacheDir
}

// work is named by the path, so that two files with the same contents have two names.
func (p *folderStore) work(f file) string {
	return filepath.Join(p.dir, workFolder, fmt.Sprintf("%x", sha1.Sum([]byte(f.path))))
}

// lock is "": one lock holds for the whole folder.
func (p *folderStore) lock(file) string { return "" }

// ready reports whether the file is there with its contents. A file with other contents is
// the user's, and an error.
func (p *folderStore) ready(f file) (bool, error) {
	name := p.place(f)
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

// show reports that a verified file is ready: it has its name already.
func (p *folderStore) show(file) (bool, error) { return true, nil }

func (p *folderStore) place(f file) string { return filepath.Join(p.dir, filepath.FromSlash(f.path)) }

// seed copies the file from the cache, if it is there.
func (p *folderStore) seed(f file, part string) (bool, error) {
	if !hasSize(p.cache.blob(f.hash), f.size) {
		return false, nil
	}
	return true, copyFile(part, p.cache.blob(f.hash))
}

func (p *folderStore) finish(f file, part string) error {
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
func (p *folderStore) lockName() string { return filepath.Join(p.dir, workFolder, "lock") }

// clean removes the work folder after the lock was released, unless another process has taken
// the lock by then.
func (p *folderStore) clean() {
	if os.Remove(p.lockName()) == nil {
		os.Remove(filepath.Join(p.dir, workFolder))
	}
}
