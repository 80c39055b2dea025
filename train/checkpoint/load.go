package checkpoint

import (
	"errors"
	"os"
	"path/filepath"

	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/model"
)

// Loaded is an open checkpoint.
type Loaded struct {
	hffolder.Folder
	State     State
	Optimizer *safetensors.File
	EMA       *safetensors.File // running mean of the weights; nil if there is none
	Damaged   []*DamageError    // newer checkpoints, which were not opened
}

// Load opens the newest sound checkpoint of a run: one whose files have the sums that its state
// names. Damaged lists the newer checkpoints, which are not sound.
func Load(run string) (*Loaded, error) {
	dirs, err := hffolder.Candidates(run)
	if err != nil {
		return nil, err
	}
	return newestSound(dirs)
}

// LoadUpTo is Load, but leaves out the checkpoints of steps after last. There must be another one.
func LoadUpTo(run string, last int) (*Loaded, error) {
	steps, err := Steps(run)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, step := range steps {
		if step <= last {
			dirs = append(dirs, stepDir(run, step))
		}
	}
	return newestSound(dirs)
}

// newestSound opens the last of the folders that is sound.
func newestSound(dirs []string) (*Loaded, error) {
	var damaged []*DamageError
	for len(dirs) > 0 {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		l, err := openVerified(dir)
		if err == nil {
			l.Damaged = damaged
			return l, nil
		}
		if errors.Is(err, os.ErrPermission) {
			return nil, err
		}
		damaged = append(damaged, &DamageError{dir, err})
	}
	return nil, allDamaged(damaged)
}

// openVerified opens a checkpoint after checking all of its files.
func openVerified(dir string) (*Loaded, error) {
	s, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	if err := s.verify(dir); err != nil {
		return nil, err
	}
	l := &Loaded{State: s}
	if err := l.openWeights(dir); err != nil {
		return nil, err
	}
	if l.Optimizer, err = safetensors.Open(filepath.Join(dir, OptimizerFile)); err == nil && s.SHA256[EMAFile] != "" {
		l.EMA, err = safetensors.Open(filepath.Join(dir, EMAFile))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// openWeights opens the weights: of a model, or of adapters, whose model the state has.
func (l *Loaded) openWeights(dir string) (err error) {
	if l.State.Model != nil {
		l.Dir, l.Config = dir, &model.HFConfig{Config: *l.State.Model}
		l.Weights, err = safetensors.Open(filepath.Join(dir, AdapterFile))
		return err
	}
	folder, err := hffolder.OpenWeights(dir, filepath.Join(dir, WeightsFile))
	if err == nil {
		l.Folder = *folder
	}
	return err
}

// Close closes the files.
func (l *Loaded) Close() error {
	errs := []error{l.Folder.Close()}
	for _, f := range []*safetensors.File{l.Optimizer, l.EMA} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
