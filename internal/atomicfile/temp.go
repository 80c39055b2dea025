package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
)

// A temporary file or folder of path lies beside it as ".NAME.tmp-DIGITS". The process that writes
// it holds a lock on it until it ends. So RemoveStale can tell files of a killed process, without
// a lock, from files that another process still writes.

func temporaryPrefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// createTemp makes and locks a temporary file for path; release unlocks it.
func createTemp(path string) (f *os.File, release func(), err error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix(path)+"*")
		if err != nil {
			return nil, nil, err
		}
		if release, held := hold(f.Name()); held {
			return f, release, nil
		}
		f.Close() // before it was locked, another process took it for stale and removed it
	}
}

// TempDir makes and locks a temporary folder for path, for ReplaceDir to rename; release unlocks
// it. The caller removes the folder.
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
// path. It removes nothing if the system or the disk has no locks.
func RemoveStale(path string) {
	removeStale(filepath.Dir(path), func(name string) bool {
		digits, ours := strings.CutPrefix(name, temporaryPrefix(path))
		return ours && onlyDigits(digits)
	})
}

// RemoveStaleIn is RemoveStale for every path in the folder dir.
func RemoveStaleIn(dir string) {
	removeStale(dir, func(name string) bool {
		i := strings.LastIndex(name, ".tmp-")
		return i > 1 && name[0] == '.' && onlyDigits(name[i+len(".tmp-"):])
	})
}

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// removeStale removes the files and folders in dir that are temporary by their names and that nobody holds.
func removeStale(dir string, temporary func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !temporary(e.Name()) || !e.IsDir() && !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if release, free := tryHold(name); free {
			os.RemoveAll(name)
			release()
		}
	}
}
