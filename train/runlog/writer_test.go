package runlog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriterKeepsLongLinesAndDropsLaterSteps(t *testing.T) {
	run := t.TempDir()
	long := make([]LayerStats, 2000) // a line of 200 kB
	for i := range long {
		long[i].Name = strings.Repeat("n", 40)
	}
	w, err := NewWriter(run, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{{Event: "step", Step: 1, Layers: long}, {Event: "eval", Step: 2}, {Event: "step", Step: 3}} {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	w.file.WriteString(`{"event":"step","st`) // killed while it wrote
	w.Close()
	if w, err = NewWriter(run, 2, nil); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b, err := os.ReadFile(filepath.Join(run, LogFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], `"eval"`) || len(lines[0]) < 100000 {
		t.Errorf("%d lines are kept, want the first two", len(lines))
	}
	if !strings.Contains(lines[1], `"time":`) {
		t.Errorf("a line without its time: %s", lines[1])
	}
}

// A log that is being written can be read, and onEvent sees what its lines say.
func TestWriterIsRead(t *testing.T) {
	dir := t.TempDir()
	var seen []Event
	w, err := NewWriter(dir, 0, func(e Event) { seen = append(seen, e) })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for step := 1; step <= 3; step++ {
		if err := w.Write(Event{Event: StepEvent, Step: step, Loss: 3, Judged: true}); err != nil {
			t.Fatal(err)
		}
		r, err := Open(dir)
		if err != nil || len(r.Events) != step || r.Events[step-1].Time == 0 || r.Events[step-1].Time != seen[step-1].Time {
			t.Fatalf("after %d lines: %+v, %v; seen %+v", step, r, err, seen)
		}
	}
}

func TestWriterErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, LogFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(dir, 0, nil); err == nil || !strings.Contains(err.Error(), LogFile) {
		t.Errorf("a folder in place of the log: %v", err)
	}
}
