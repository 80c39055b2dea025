// Package checkpoint keeps the state of a training run in its folder: each checkpoint is
// a folder step-N in Hugging Face's layout (package hffolder) with the optimizer's state beside
// it. It is made under a temporary name and renamed when it is whole, so a run that is killed
// at any moment leaves the last one intact.
package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/model"
)

// Names of the files in a checkpoint.
const (
	ConfigFile  = hffolder.ConfigFile
	WeightsFile = hffolder.WeightsFile
	EMAFile     = hffolder.AverageFile
	// AdapterConfigFile and AdapterFile are in the place of ConfigFile and WeightsFile if the weights
	// are those of adapters.
	AdapterConfigFile = "adapter_config.json"
	AdapterFile       = "adapter_model.safetensors"
	OptimizerFile     = "optimizer.safetensors"
	stateFile         = "state.json"
	temporary         = ".checkpoint-"
)

// Model is the contents of a model folder, or of the folder of an adapter.
type Model struct {
	Config  *model.HFConfig // of the model, also of the one beneath adapters
	Adapter []byte          // text of AdapterConfigFile; nil for a model
	Weights []safetensors.Source
	Files   map[string][]byte // of the tokenizer, or of the adapter, by their names
}

// Checkpoint is the contents of a checkpoint.
type Checkpoint struct {
	Model
	State     State
	Optimizer []safetensors.Source
	EMA       []safetensors.Source // running mean of the weights; nil if the run keeps none
}

// stepDir is the folder of a step's checkpoint.
func stepDir(run string, step int) string {
	return filepath.Join(run, fmt.Sprintf("%s%08d", hffolder.CheckpointPrefix, step))
}

// Steps lists the steps whose checkpoints are in the folder of a run, in ascending order.
func Steps(run string) (steps []int, err error) {
	dirs, err := hffolder.Checkpoints(run)
	for _, dir := range dirs {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), hffolder.CheckpointPrefix))
		if err != nil {
			return nil, err
		}
		steps = append(steps, n)
	}
	return steps, err
}

// Has reports whether the checkpoint of a step is there.
func Has(run string, step int) bool {
	_, err := os.Stat(stepDir(run, step))
	return err == nil
}
