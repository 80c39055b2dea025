// Package checkpoint keeps the state of a training run in a folder: each checkpoint is
// a folder step-N in Hugging Face's layout with the optimiser's state beside it, made
// under another name and renamed when it is whole, so a run that is killed at any
// moment leaves the last one intact.
package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"trit/format/safetensors"
	"trit/model"
)

// Names of the files in a checkpoint.
const (
	WeightsFile   = "model.safetensors"
	OptimizerFile = "optimizer.safetensors"
	EMAFile       = "ema.safetensors"
	ConfigFile    = "config.json"
	stateFile     = "state.json"
	prefix        = "step-"
	temporary     = ".checkpoint-"
)

// Model is what makes a plain Hugging Face folder.
type Model struct {
	Config  *model.HFConfig
	Weights []safetensors.Source
	Files   map[string][]byte // the tokenizer's
}

// Checkpoint is all that is saved.
type Checkpoint struct {
	Model
	State     State
	Optimizer []safetensors.Source
	EMA       []safetensors.Source // running mean of the weights; nil where none is kept
}

// stepDir is the folder of a step's checkpoint.
func stepDir(run string, step int) string {
	return filepath.Join(run, fmt.Sprintf("%s%08d", prefix, step))
}

// Has tells whether the checkpoint of a step is there.
func Has(run string, step int) bool { return exists(stepDir(run, step)) }

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

// Resolve finds the model in a folder: the folder itself if it holds a config.json, or
// the newest checkpoint of a run.
func Resolve(dir string) (string, error) {
	found, err := candidates(dir)
	if err != nil {
		return "", err
	}
	return found[len(found)-1], nil
}

// candidates are the folders that Resolve chooses from, the best choice last.
func candidates(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err == nil {
		return []string{dir}, nil
	}
	steps, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s holds neither a config.json nor checkpoints of a run (%sN): name a model folder", dir, prefix)
	}
	return steps, nil
}
