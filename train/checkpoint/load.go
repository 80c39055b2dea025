package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"trit/format/safetensors"
	"trit/model"
)

// Loaded is an open checkpoint.
type Loaded struct {
	Dir       string
	Config    *model.HFConfig
	State     State
	Weights   *safetensors.File
	Optimizer *safetensors.File // nil where only the model was asked for
	EMA       *safetensors.File // nil where there is none, or only the model was asked for
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

// open opens a model folder with the weights in a file or folder.
func open(dir, weights string) (*Loaded, error) {
	b, err := os.ReadFile(filepath.Join(dir, ConfigFile))
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
	return l, nil
}

// Load opens the newest checkpoint of a run and verifies it.
func Load(run string) (*Loaded, error) {
	dir, err := Resolve(run)
	if err != nil {
		return nil, err
	}
	l, err := open(dir, filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	if err := l.openState(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Loaded) openState() error {
	var err error
	if l.State, err = readState(l.Dir); err != nil {
		return err
	}
	for name, want := range l.State.SHA256 {
		sum, err := fileSHA256(filepath.Join(l.Dir, name))
		if err != nil {
			return err
		}
		if sum != want {
			return fmt.Errorf("%s: %s is damaged: its sha256 is not the one in %s; remove this checkpoint to resume from the one before", l.Dir, name, stateFile)
		}
	}
	if l.Optimizer, err = safetensors.Open(filepath.Join(l.Dir, OptimizerFile)); err != nil {
		return err
	}
	if average := filepath.Join(l.Dir, EMAFile); exists(average) {
		l.EMA, err = safetensors.Open(average)
	}
	return err
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
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
