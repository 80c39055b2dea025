package hffolder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s holds neither a config.json nor checkpoints of a run (%sN): name a model folder",
			path, CheckpointPrefix)
	}
	return steps, nil
}
