package adapter

import (
	"fmt"
	"os"
	"path/filepath"

	"trit/format/ggufmeta"
	"trit/internal/filekind"
	"trit/model"
	"trit/setting"
)

// FormatError is a file of an adapter that breaks its format, or holds what is not supported.
type FormatError struct{ Field, Problem string }

// Error names the field and the problem; what opens the file adds its name.
func (e *FormatError) Error() string { return e.Field + ": " + e.Problem }

// Target is the model that an adapter is read for. Its shape decides what fits.
type Target struct {
	Config *model.Config
	// Architecture is GGUF's name for it; "" for the one that a conversion gives the model.
	Architecture string
}

func (t Target) architecture() string {
	if t.Architecture != "" {
		return t.Architecture
	}
	return ggufmeta.Architecture(t.Config)
}

// Read reads an adapter for a model: a folder as PEFT writes it, the run that trained it, of which it
// takes the best or else the newest, or a GGUF file as llama.cpp's. An adapter that does not fit the model is
// an error. The
// notes name keys that are not known, and what was taken of a run.
func Read(path string, of Target) (*Adapter, []setting.Note, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the adapter: %w", err)
	}
	if info.IsDir() {
		return readFolderOrRun(path, of)
	}
	if kind := filekind.Of(path); kind == "a safetensors file" {
		return nil, nil, fmt.Errorf("%s is the weights of an adapter alone: name its folder, which holds %s too",
			path, ConfigFile)
	}
	return ReadGGUF(path, of)
}

// bestDir is the folder of a run's best adapter; checkpoints are the others, by the number of their step
// with leading zeros. A run that measures no held-out data has no best.
const (
	bestDir     = "best"
	checkpoints = "step-*"
)

func readFolderOrRun(dir string, of Target) (*Adapter, []setting.Note, error) {
	taken, what := filepath.Join(dir, bestDir), "best adapter"
	if steps, err := filepath.Glob(filepath.Join(dir, checkpoints)); err == nil && len(steps) > 0 && !holdsAdapter(taken) {
		taken, what = steps[len(steps)-1], "newest adapter"
	}
	if holdsAdapter(dir) || !holdsAdapter(taken) {
		return ReadFolder(dir, of)
	}
	a, notes, err := ReadFolder(taken, of)
	return a, append(notes, setting.Note("a run, of which the "+what+" is taken, "+taken)), err
}

func holdsAdapter(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ConfigFile))
	return err == nil
}
