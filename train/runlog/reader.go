package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"trit/internal/jsonfile"
	"trit/setting"
)

// Run is the log of a run, while it runs or after.
type Run struct {
	Name    string    // of the folder
	Events  []Event   // steps and evaluations by ascending steps; of a step that was done again, only the last
	Starts  []Event   // when the run was begun, resumed and extended, each with its Recipe, in the order of the log
	Samples []Event   // texts that the run wrote, by ascending steps; of a step that was done again, only the last
	Notes   []Finding // all other events, and extensions, in the order of the log
}

// Open reads the log in the folder of a run.
func Open(dir string) (*Run, error) {
	path := filepath.Join(dir, LogFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, setting.Needs("train.Run.OutDir", fmt.Sprintf("%s has no %s", dir, LogFile),
			"name the folder of a run, the {train.Run.OutDir} of its training")
	}
	if err != nil {
		return nil, err
	}
	name, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r, err := Read(filepath.Base(name), b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Read makes a Run of the lines of a log.
func Read(name string, log []byte) (*Run, error) {
	events, err := parse(log)
	if err != nil {
		return nil, err
	}
	r := &Run{Name: name}
	m := NewMonitor(DefaultLimits())
	guarded := slices.ContainsFunc(events, ofGuard)
	for _, e := range events {
		if e.Event == StepEvent && !e.Judged && !guarded {
			r.Notes = append(r.Notes, m.Observe(e)...)
		}
		r.add(e)
	}
	return r, nil
}

// ofGuard reports whether an event is a finding of the run's own guard. A log with such an event
// has all findings about losses, even if it is older than the field Judged. The losses must not
// be judged again: by the lines alone, the page could contradict the run.
func ofGuard(e Event) bool { return e.Event == SpikeEvent || e.Event == RollbackEvent }

// parse decodes the lines of a log. It ignores a last line without a line feed: it is being
// written, or the run was killed while it was.
func parse(log []byte) (events []Event, err error) {
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
		if err := jsonfile.Decode(line, &e); err != nil {
			return nil, fmt.Errorf("line %d is not an event: %w: remove that line", number, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// add takes the next event of the log. Steps that come again replace the earlier ones.
func (r *Run) add(e Event) {
	switch e.Event {
	case StepEvent:
		r.drop(func(last Event) bool { return last.Step >= e.Step })
	case EvalEvent:
		r.drop(func(last Event) bool {
			return last.Step > e.Step || last.Step == e.Step && last.Event != StepEvent
		})
	case EvalAllEvent:
		r.drop(func(last Event) bool {
			return last.Step > e.Step || last.Step == e.Step && last.Event == EvalAllEvent
		})
	case SampleEvent:
		r.Samples = slices.DeleteFunc(r.Samples, func(last Event) bool {
			return last.Step > e.Step || last.Step == e.Step && last.Prompt == e.Prompt
		})
		r.Samples = append(r.Samples, e)
		return
	case BeginEvent, ResumeEvent:
		r.Starts = append(r.Starts, e)
		return
	case ExtendEvent:
		r.Starts = append(r.Starts, e)
		r.Notes = append(r.Notes, noteOf(e))
		return
	default:
		r.Notes = append(r.Notes, noteOf(e))
		return
	}
	r.Events = append(r.Events, e)
}

// noteOf turns an event that is no step and no evaluation into a note.
func noteOf(e Event) Finding {
	f := Finding{Kind: Kind(e.Event), Step: e.Step, Layer: e.Layer, Text: e.Note}
	if e.Finding != "" {
		f.Kind = e.Finding
	}
	return f
}

// drop removes the events at the end that again reports to be done again.
func (r *Run) drop(again func(last Event) bool) {
	for len(r.Events) > 0 && again(r.Events[len(r.Events)-1]) {
		r.Events = r.Events[:len(r.Events)-1]
	}
}

// Of lists the events of one kind.
func (r *Run) Of(kind string) []Event {
	return slices.DeleteFunc(slices.Clone(r.Events), func(e Event) bool { return e.Event != kind })
}

// Shares are the shares of the time at which steps were taken, by the number of the step, counted from 0;
// see Event.Shares.
func (r *Run) Shares() map[int]float64 {
	shares := map[int]float64{}
	for _, e := range r.Of(StepEvent) {
		for i, share := range e.Shares {
			shares[e.Step-len(e.Shares)+i] = share
		}
	}
	return shares
}

// Last returns the newest event of a kind.
func (r *Run) Last(kind string) (e Event, ok bool) {
	for _, e := range slices.Backward(r.Events) {
		if e.Event == kind {
			return e, true
		}
	}
	return Event{}, false
}
