package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
)

// What is on its way to path lies beside it as ".NAME.tmp-DIGITS", locked for as long as the
// process lives that writes it. So what a killed process left can be told from what another
// one is about to finish.

func temporaryPrefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// createTemp makes a temporary file for path. release lets go of its lock.
func createTemp(path string) (f *os.File, release func(), err error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix(path)+"*")
		if err != nil {
			return nil, nil, err
		}
		if release, held := hold(f.Name()); held {
			return f, release, nil
		}
		f.Close() // another process took it for stale before it was locked
	}
}

// TempDir makes a temporary folder for path, to be renamed by ReplaceDir. release lets go of
// its lock; the caller removes the folder.
func TempDir(path string) (dir string, release func(), err error) {
	for {
		dir, err := os.MkdirTemp(filepath.Dir(path), temporaryPrefix(path))
		if err != nil {
			return "", nil, err
		}
		if release, held := hold(dir); held {
			return dir, release, nil
		}
	}
}

// RemoveStale removes the temporary files and folders that killed processes left beside
// path. It does what it can: where the system or the disk has no locks that is nothing.
func RemoveStale(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		digits, ours := strings.CutPrefix(e.Name(), temporaryPrefix(path))
		if !ours || digits == "" || strings.Trim(digits, "0123456789") != "" || !e.IsDir() && !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(filepath.Dir(path), e.Name())
		if release, free := tryHold(name); free {
			os.RemoveAll(name)
			release()
		}
	}
}
