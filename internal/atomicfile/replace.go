package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ReplaceDir makes the folder tmp appear as path, in one step where the system can
// exchange two names. Elsewhere path is moved out of the way for a moment, and
// RecoverDir undoes that where a process died in between. The old folder is removed.
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

// RecoverDir ends what a ReplaceDir that was killed has begun: path holds the old or
// the new folder then.
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
