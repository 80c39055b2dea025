package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ReplaceDir renames the folder tmp to path and removes the folder that was there. If the system
// can exchange two names, it does so in one step. Else path does not exist for a moment; if the
// process dies then, RecoverDir brings the old folder back.
func ReplaceDir(tmp, path string) error {
	if err := RecoverDir(path); err != nil {
		return err
	}
	err := os.Rename(tmp, path)
	if err == nil {
		return SyncDir(filepath.Dir(path))
	}
	if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
		return err
	}
	if err := exchange(tmp, path); err != nil {
		return replaceInTwo(tmp, path)
	}
	return errors.Join(SyncDir(filepath.Dir(path)), os.RemoveAll(tmp))
}

// replaceInTwo is ReplaceDir in two renames.
func replaceInTwo(tmp, path string) error {
	old := oldName(path)
	if err := os.Rename(path, old); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Rename(old, path))
	}
	return errors.Join(SyncDir(filepath.Dir(path)), os.RemoveAll(old))
}

// RecoverDir completes or undoes a ReplaceDir that was killed: path is the new or the old
// folder afterwards.
func RecoverDir(path string) error {
	old := oldName(path)
	if _, err := os.Stat(path); err == nil {
		return os.RemoveAll(old)
	}
	err := os.Rename(old, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func oldName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".old")
}
