package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"trit/internal/atomicfile"
	"trit/train/watch"
)

// Event is a line of metrics.jsonl: "step" with the figures of a step, "eval" with those
// of the held-out data, or what happened to the run, with a Note: "early_stop",
// "spike", "rollback", "warning".
type Event = watch.Event

// metrics is the log of a run, nil on the ranks that keep none.
type metrics struct {
	file    *os.File
	onEvent func(Event)
}

// openMetrics opens the log and drops what a killed run wrote after the checkpoint of
// this step, since those steps come again.
func openMetrics(path string, step int, onEvent func(Event)) (*metrics, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(b) {
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Step <= step {
			kept.Write(append(bytes.TrimSpace(line), '\n'))
		}
	}
	if kept.Len() != len(b) {
		if err := atomicfile.WriteBytes(path, kept.Bytes()); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	return &metrics{f, onEvent}, err
}

func (m *metrics) write(e Event) error {
	if m == nil {
		return nil
	}
	e.Time = float64(time.Now().UnixMilli()) / 1e3
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := m.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("metrics.jsonl: %w", err)
	}
	if m.onEvent != nil {
		m.onEvent(e)
	}
	return nil
}

func (m *metrics) close() { m.file.Close() }
