// Package checkpoint keeps the state of a training run in a folder: each checkpoint is
// a folder step-N in Hugging Face's layout with the optimiser's state beside it, made
// under another name and renamed when it is whole, so a run that is killed at any
// moment leaves the last one intact.
package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/model"
)

// Names of the files in a checkpoint.
const (
	WeightsFile   = "model.safetensors"
	OptimizerFile = "optimizer.safetensors"
	ConfigFile    = "config.json"
	stateFile     = "state.json"
	prefix        = "step-"
)

// State is where a run stands.
type State struct {
	Step    int               `json:"step"`
	Tokens  int64             `json:"tokens"`
	Options json.RawMessage   `json:"options"` // as resolved by the run
	Loader  json.RawMessage   `json:"loader"`
	SHA256  map[string]string `json:"sha256"` // of the two files of tensors
}

// Checkpoint is all that is saved.
type Checkpoint struct {
	Config    *model.HFConfig
	State     State
	Weights   []safetensors.Source
	Optimizer []safetensors.Source
	Files     map[string][]byte // the tokenizer's
}

// Save writes a checkpoint into the folder of the run and removes all but the newest
// keep.
func Save(run string, c *Checkpoint, keep int) error {
	final := filepath.Join(run, fmt.Sprintf("%s%08d", prefix, c.State.Step))
	if _, err := os.Stat(final); err == nil {
		return nil // a resumed run ends where it began: the weights are the same
	}
	tmp, err := os.MkdirTemp(run, ".checkpoint-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := write(tmp, c); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", c.State.Step, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(run); err != nil {
		return err
	}
	return prune(run, keep)
}

func write(dir string, c *Checkpoint) error {
	c.State.SHA256 = map[string]string{}
	for name, tensors := range map[string][]safetensors.Source{WeightsFile: c.Weights, OptimizerFile: c.Optimizer} {
		path := filepath.Join(dir, name)
		if err := safetensors.WriteFile(path, map[string]string{"format": "pt"}, tensors); err != nil {
			return err
		}
		sum, err := fileSHA256(path)
		if err != nil {
			return err
		}
		c.State.SHA256[name] = sum
	}
	for name, v := range map[string]any{ConfigFile: c.Config, stateFile: c.State} {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), append(b, '\n')); err != nil {
			return err
		}
	}
	for name, b := range c.Files {
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), b); err != nil {
			return err
		}
	}
	return nil
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

// list names the checkpoints of a run, oldest first.
func list(run string) ([]string, error) {
	entries, err := os.ReadDir(run)
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, e := range entries {
		n, ok := strings.CutPrefix(e.Name(), prefix)
		if _, err := strconv.Atoi(n); ok && err == nil && e.IsDir() {
			steps = append(steps, filepath.Join(run, e.Name()))
		}
	}
	slices.Sort(steps) // the numbers have leading zeros
	return steps, nil
}

// prune removes all but the newest checkpoints, and what killed runs left.
func prune(run string, keep int) error {
	steps, err := list(run)
	if err != nil {
		return err
	}
	leftovers, _ := filepath.Glob(filepath.Join(run, ".checkpoint-*"))
	for _, dir := range append(leftovers, steps[:max(0, len(steps)-keep)]...) {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// Resolve finds the model in a folder: the folder itself if it holds a config.json, or
// the newest checkpoint of a run.
func Resolve(dir string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err == nil {
		return dir, nil
	}
	steps, err := list(dir)
	if err != nil {
		return "", err
	}
	if len(steps) == 0 {
		return "", fmt.Errorf("%s holds neither a config.json nor checkpoints of a run (%sN): name a model folder", dir, prefix)
	}
	return steps[len(steps)-1], nil
}

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
	b, err := os.ReadFile(filepath.Join(l.Dir, stateFile))
	if err != nil {
		return fmt.Errorf("%w: the folder is a model, not a checkpoint that can be resumed", err)
	}
	if err := json.Unmarshal(b, &l.State); err != nil {
		return fmt.Errorf("%s: %s: %w", l.Dir, stateFile, err)
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

// Close gives the files back.
func (l *Loaded) Close() error {
	errs := []error{l.Weights.Close()}
	if l.Optimizer != nil {
		errs = append(errs, l.Optimizer.Close())
	}
	return errors.Join(errs...)
}
