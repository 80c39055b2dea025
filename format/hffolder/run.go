package hffolder

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"trit/internal/atomicfile"
)

// CheckpointPrefix begins the names of the checkpoints of a run, before the number of the
// step with leading zeros.
const CheckpointPrefix = "step-"

// Checkpoints lists the checkpoints of a run, oldest first.
func Checkpoints(run string) ([]string, error) {
	entries, err := os.ReadDir(run)
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, e := range entries {
		n, ok := strings.CutPrefix(e.Name(), CheckpointPrefix)
		if _, err := strconv.Atoi(n); ok && err == nil && e.IsDir() {
			steps = append(steps, filepath.Join(run, e.Name()))
		}
	}
	slices.Sort(steps) // the numbers have leading zeros
	return steps, nil
}

// Resolve finds the model folder that a path names: the path itself if it holds a config.json, or
// the newest checkpoint of a run. A checkpoint is whole as soon as it has its name.
func Resolve(path string) (string, error) {
	found, err := Candidates(path)
	if err != nil {
		return "", err
	}
	return found[len(found)-1], nil
}

// Candidates are the folders that Resolve chooses from, the best choice last. There is at
// least one.
func Candidates(path string) ([]string, error) {
	if exists(filepath.Join(path, ConfigFile)) {
		return []string{path}, nil
	}
	steps, err := Checkpoints(path)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 && exists(filepath.Join(path, adapterFile)) {
		return nil, isAdapter(path, path)
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s holds neither a config.json nor checkpoints of a run (%sN): name a model folder",
			path, CheckpointPrefix)
	}
	return steps, nil
}

// isAdapter is the error of a folder that holds an adapter, itself or in one of its checkpoints dir.
func isAdapter(path, dir string) error {
	var config struct {
		Base string `json:"base_model_name_or_path"`
	}
	b, err := atomicfile.Read(filepath.Join(dir, adapterFile), maxConfigBytes)
	base := ""
	if err == nil && json.Unmarshal(b, &config) == nil && config.Base != "" {
		base = fmt.Sprintf(" (%s when it was made)", config.Base)
	}
	return fmt.Errorf("%s holds an adapter, not a model: name the model that it belongs to%s, and the adapter beside it",
		path, base)
}

// BestDir is the folder of a run's best model, by its held-out loss.
const BestDir = "best"

// Choice is the model folder that Choose took.
type Choice struct {
	Dir  string
	Best bool // it is the best model of a run
	Step int  // of the run, 0 if the folder is not of a run or does not say
}

// String says where the model is from, for people.
func (c Choice) String() string {
	switch {
	case c.Best && c.Step > 0:
		return fmt.Sprintf("%s, the best of the run by held-out loss, step %d", c.Dir, c.Step)
	case c.Best:
		return c.Dir + ", the best of the run by held-out loss"
	case c.Step > 0:
		return fmt.Sprintf("%s, the newest checkpoint of the run, which has no best model", c.Dir)
	}
	return c.Dir
}

// Choose finds the model that is meant by a path: a model folder itself, the best model of a run,
// or the newest checkpoint of a run that has no best one.
func Choose(path string) (Choice, error) {
	newest, err := Resolve(path)
	if err != nil || newest == path {
		return Choice{Dir: path}, err
	}
	best := filepath.Join(path, BestDir)
	if exists(filepath.Join(best, ConfigFile)) {
		return Choice{Dir: best, Best: true, Step: bestStep(best)}, nil
	}
	step, _ := strconv.Atoi(strings.TrimPrefix(filepath.Base(newest), CheckpointPrefix))
	return Choice{Dir: newest, Step: step}, nil
}

// BestNote is the file in BestDir that says where the best model is from.
const BestNote = "best.json"

// bestStep is the step that the note of a best model names, 0 without one.
func bestStep(dir string) int {
	var note struct{ Step int }
	b, err := atomicfile.Read(filepath.Join(dir, BestNote), maxConfigBytes)
	if err != nil || json.Unmarshal(b, &note) != nil {
		return 0
	}
	return max(0, note.Step)
}

// NameOf is the name of the model in a folder: the folder's own, or its run's if the folder is the
// best model or a checkpoint of a run.
func NameOf(dir string) string {
	name, parent := filepath.Base(dir), filepath.Base(filepath.Dir(dir))
	_, isCheckpoint := strings.CutPrefix(name, CheckpointPrefix)
	isBest := name == BestDir && exists(filepath.Join(dir, BestNote))
	if (isBest || isCheckpoint) && len(parent) > 1 {
		return parent
	}
	return name
}
