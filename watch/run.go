// Package watch shows training runs: it reads their logs (package runlog), and makes charts for
// a browser and event files for TensorBoard.
package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"trit/format/hffolder"
	"trit/internal/jsonfile"
	"trit/train/runlog"
)

// Run is a run to be shown: its log, and the settings in its newest checkpoint.
type Run struct {
	runlog.Run
	// Settings of the model and of the training; nil before the first checkpoint.
	Settings map[string]string
	MaxSteps int // 0: not known before the first checkpoint, or the run fills a time
	times    stepTimes
}

// Open reads the log of the run in a folder, and the settings in its newest checkpoint. The
// run may be at work.
func Open(dir string) (*Run, error) {
	log, err := runlog.Open(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Run: *log}
	r.readSettings(dir)
	return r, nil
}

// readSettings reads the settings, or none: a run may have no checkpoint yet, or remove an old
// one at this moment.
func (r *Run) readSettings(dir string) {
	newest, err := hffolder.Resolve(dir)
	if err != nil {
		return
	}
	var config map[string]any
	var state struct {
		Options map[string]any `json:"options"`
	}
	if readJSON(filepath.Join(newest, "config.json"), &config) != nil ||
		readJSON(filepath.Join(newest, "state.json"), &state) != nil {
		return
	}
	r.Settings = map[string]string{}
	for _, group := range []map[string]any{config, state.Options} {
		for key, value := range group {
			switch value.(type) {
			case nil, []any, map[string]any:
			default:
				r.Settings[key] = strings.TrimSpace(fmt.Sprint(value))
			}
		}
	}
	if n, ok := state.Options["max_steps"].(float64); ok {
		r.MaxSteps = int(n)
	}
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return jsonfile.Decode(b, v)
}
