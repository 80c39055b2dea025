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
}

// LoadModel opens the weights of a model folder or of the newest checkpoint of a run.
func LoadModel(dir string) (*Loaded, error) {
	dir, err := Resolve(dir)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	l := &Loaded{Dir: dir}
	if l.Config, err = model.ParseHF(b); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if l.Weights, err = safetensors.Open(dir); err != nil {
		return nil, err
	}
	return l, nil
}

// Load opens the newest checkpoint of a run and verifies it.
func Load(run string) (*Loaded, error) {
	l, err := LoadModel(run)
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
	for _, name := range []string{WeightsFile, OptimizerFile} {
		sum, err := fileSHA256(filepath.Join(l.Dir, name))
		if err != nil {
			return err
		}
		if sum != l.State.SHA256[name] {
			return fmt.Errorf("%s: %s is damaged: its sha256 is not the one in %s; remove this checkpoint to resume from the one before", l.Dir, name, stateFile)
		}
	}
	l.Optimizer, err = safetensors.Open(filepath.Join(l.Dir, OptimizerFile))
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
	errs := []error{l.Weights.Close()}
	if l.Optimizer != nil {
		errs = append(errs, l.Optimizer.Close())
	}
	return errors.Join(errs...)
}
