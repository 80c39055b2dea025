package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"trit/internal/atomicfile"
	"trit/setting"
)

// DamageError is a checkpoint whose files are not the ones that were written.
type DamageError struct {
	Dir string
	Err error
}

// Error names the folder and what is wrong with it.
func (e *DamageError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Dir, e.Err) }

// Unwrap returns what is wrong.
func (e *DamageError) Unwrap() error { return e.Err }

// SetAside renames a damaged checkpoint, so that the run can save a sound one when it comes to
// that step again. It returns the new name.
func (e *DamageError) SetAside() (string, error) {
	aside := filepath.Join(filepath.Dir(e.Dir), "damaged-"+filepath.Base(e.Dir))
	if err := os.RemoveAll(aside); err != nil {
		return "", err
	}
	return aside, os.Rename(e.Dir, aside)
}

func allDamaged(damaged []*DamageError) error {
	var errs []error
	for _, d := range damaged {
		errs = append(errs, d)
	}
	return errors.Join(append(errs, setting.Needs("train.Run.Init", "there is no other checkpoint",
		"begin another run, with {train.Run.Init} if a model of this one is left"))...)
}

// verify compares the files that a run resumes from with their sums.
func (s *State) verify(dir string) error {
	files := []string{ConfigFile, WeightsFile, OptimizerFile, EMAFile}
	if s.Model != nil {
		files[0], files[1] = AdapterConfigFile, AdapterFile
	}
	for _, name := range files {
		want, known := s.SHA256[name]
		if !known && (name == ConfigFile || name == EMAFile) {
			continue // not every run has the mean, and older ones have no sum of the configuration
		}
		sum, err := atomicfile.SHA256(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if sum != want {
			return fmt.Errorf("%s: its sha256 is not the one in %s", name, stateFile)
		}
	}
	return nil
}
