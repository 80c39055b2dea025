package watch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/format/hffolder"
)

// Run is what the folder of a run tells of it, while it runs or after.
type Run struct {
	Name   string  // of the folder
	Events []Event // steps and evaluations that stand: by ascending steps, without those that were done again
	Notes  []Finding
	// Settings of the model and of the training; nil before the first checkpoint.
	Settings map[string]string
	MaxSteps int // 0: not known before the first checkpoint
}

// Open reads the log of the run in a folder, and the settings in its newest checkpoint.
func Open(dir string) (*Run, error) {
	path := filepath.Join(dir, LogFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: name the folder of a run, as given to trit train --out", dir, LogFile)
	}
	if err != nil {
		return nil, err
	}
	name, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Name: filepath.Base(name)}
	if err := r.read(b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.readSettings(dir)
	return r, nil
}

// read takes the lines of a log. A last line without its end is still being written, or
// was when the run was killed.
func (r *Run) read(log []byte) error {
	m := NewMonitor(DefaultLimits())
	number := 0
	for line := range bytes.Lines(log) {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("line %d is not an event: %w", number, err)
		}
		r.add(e, m)
	}
	return nil
}

func (r *Run) add(e Event, m *Monitor) {
	switch e.Event {
	case StepEvent:
		r.drop(func(last Event) bool { return last.Step >= e.Step })
		r.Notes = append(r.Notes, m.Observe(SampleOf(e))...)
	case EvalEvent:
		r.drop(func(last Event) bool {
			return last.Step > e.Step || last.Step == e.Step && last.Event == EvalEvent
		})
	default:
		r.Notes = append(r.Notes, Finding{Kind: Kind(e.Event), Step: e.Step, Text: e.Note})
		return
	}
	r.Events = append(r.Events, e)
}

// drop removes events at the end that were done again.
func (r *Run) drop(again func(last Event) bool) {
	for len(r.Events) > 0 && again(r.Events[len(r.Events)-1]) {
		r.Events = r.Events[:len(r.Events)-1]
	}
}

// of lists the events of one kind.
func (r *Run) of(kind string) []Event {
	return slices.DeleteFunc(slices.Clone(r.Events), func(e Event) bool { return e.Event != kind })
}

// last is the newest event of a kind.
func (r *Run) last(kind string) (Event, bool) {
	for _, e := range slices.Backward(r.Events) {
		if e.Event == kind {
			return e, true
		}
	}
	return Event{}, false
}

// readSettings takes what it finds: a run may have no checkpoint yet, or remove an old one
// at this moment.
func (r *Run) readSettings(dir string) {
	newest, err := hffolder.Resolve(dir)
	if err != nil {
		return
	}
	var config map[string]any
	var state struct {
		Options map[string]any `json:"options"`
	}
	if readJSON(filepath.Join(newest, "config.json"), &config) != nil || readJSON(filepath.Join(newest, "state.json"), &state) != nil {
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
	return json.Unmarshal(b, v)
}
