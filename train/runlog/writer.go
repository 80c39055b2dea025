package runlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"trit/internal/atomicfile"
)

// Writer appends events to the log of a run. It is for one goroutine.
type Writer struct {
	file    *os.File
	onEvent func(Event)
}

// NewWriter opens the log in the folder of a run that begins or goes on after a step. It removes
// the lines of later steps: a killed run wrote them after its last checkpoint, and the steps are
// done again. onEvent is called with each event after it is written; it may be nil.
func NewWriter(run string, step int, onEvent func(Event)) (*Writer, error) {
	path := filepath.Join(run, LogFile)
	if err := dropAfter(path, step); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &Writer{f, onEvent}, nil
}

// dropAfter rewrites a log without the lines of later steps, and without lines that are no
// events, such as the last one of a killed writer.
func dropAfter(path string, step int) error {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(b) {
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Step <= step {
			kept.Write(append(bytes.TrimSpace(line), '\n'))
		}
	}
	if kept.Len() == len(b) {
		return nil
	}
	return atomicfile.WriteBytes(path, kept.Bytes())
}

// Write appends an event with the time of now. The line is handed to the system at once, so
// that readers of a log that is being written see it.
func (w *Writer) Write(e Event) error {
	e.Time = float64(time.Now().UnixMilli()) / 1e3
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := w.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%s: %w", LogFile, err)
	}
	if w.onEvent != nil {
		w.onEvent(e)
	}
	return nil
}

// Close closes the log.
func (w *Writer) Close() error { return w.file.Close() }
