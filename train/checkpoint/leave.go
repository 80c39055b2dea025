package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"trit/internal/atomicfile"
)

// leftPrefix begins the name of a checkpoint that a run has left; see Leave.
const leftPrefix = "left-"

// Leave takes a run back to the checkpoint of a step: it removes the newer ones, but keeps the
// newest, which is the model that the run had, as a folder left-step-N, with the run's log in it.
// It returns that folder's name, "" if no checkpoint is newer. If it is stopped before its end, the
// newest checkpoint is still there and Leave can be called again.
func Leave(run string, step int, log string) (name string, err error) {
	steps, err := Steps(run)
	if err != nil {
		return "", err
	}
	steps = slices.DeleteFunc(steps, func(s int) bool { return s <= step })
	if len(steps) == 0 {
		return "", nil
	}
	last := stepDir(run, steps[len(steps)-1])
	for _, s := range steps[:len(steps)-1] {
		if err := os.RemoveAll(stepDir(run, s)); err != nil {
			return "", err
		}
	}
	b, err := os.ReadFile(filepath.Join(run, log))
	if err == nil {
		err = atomicfile.WriteBytes(filepath.Join(last, log), b)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	left := filepath.Join(run, leftPrefix+filepath.Base(last))
	if err := os.RemoveAll(left); err != nil {
		return "", err
	}
	if err := os.Rename(last, left); err != nil {
		return "", err
	}
	return filepath.Base(left), atomicfile.SyncDir(run)
}
