package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/model"
)

// Loaded is an open checkpoint. Where only the model was asked for, Optimizer and EMA
// are nil.
type Loaded struct {
	Dir       string
	Config    *model.HFConfig
	State     State
	Weights   *safetensors.File
	Optimizer *safetensors.File
	EMA       *safetensors.File // nil where there is none
	Damaged   []*DamageError    // newer checkpoints that were passed over
}

// LoadModel opens the weights of a model folder or of the newest checkpoint of a run:
// their running mean where there is one, since that is what the run evaluated.
func LoadModel(dir string) (*Loaded, error) {
	dir, err := Resolve(dir)
	if err != nil {
		return nil, err
	}
	if average := filepath.Join(dir, EMAFile); exists(average) {
		return open(dir, average)
	}
	return open(dir, dir)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// maxConfigBytes is how long a config.json may be, far above any model's.
const maxConfigBytes = 1 << 20

// open opens a model folder with the weights in a file or folder.
func open(dir, weights string) (*Loaded, error) {
	b, err := atomicfile.Read(filepath.Join(dir, ConfigFile), maxConfigBytes)
	if err != nil {
		return nil, err
	}
	l := &Loaded{Dir: dir}
	if l.Config, err = model.ParseHF(b); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if l.Weights, err = safetensors.Open(weights); err != nil {
		return nil, err
	}
	if err := l.Config.Observe(func(name string) bool { _, ok := l.Weights.Tensor(name); return ok }); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), l.Close())
	}
	return l, nil
}

// Load opens the newest checkpoint of a run that is whole. Newer ones that are not are
// named in Damaged.
func Load(run string) (*Loaded, error) {
	dirs, err := candidates(run)
	if err != nil {
		return nil, err
	}
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
	s, err := readState(dir)
	if err != nil {
		return nil, err
	}
	if err := s.verify(dir); err != nil {
		return nil, err
	}
	l, err := open(dir, filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	l.State = s
	if l.Optimizer, err = safetensors.Open(filepath.Join(dir, OptimizerFile)); err == nil && s.SHA256[EMAFile] != "" {
		l.EMA, err = safetensors.Open(filepath.Join(dir, EMAFile))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close gives the files back.
func (l *Loaded) Close() error {
	var errs []error
	for _, f := range []*safetensors.File{l.Weights, l.Optimizer, l.EMA} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
