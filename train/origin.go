package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"trit/format/hffolder"
	"trit/train/checkpoint"
)

// Origin is the state of a run that a folder holds.
type Origin struct {
	Dir      string // the folder of the model: a checkpoint, or the best model
	Step     int    // of the run, at which Dir was saved
	MaxSteps int    // that the run shall have; 0: not known
	Over     bool   // the run has come to its end: to MaxSteps, or to its early stop
	Last     bool   // Dir is the newest checkpoint of its run
	Best     *Best  // the best result of the run up to Dir; nil: none
	IsBest   bool   // Dir is the best model
}

// OriginOf looks up what a path names: a run, whose newest checkpoint is taken, a checkpoint, or the
// best model of a run. It reports false for any other file or folder.
func OriginOf(path string) (o Origin, ok bool, err error) {
	dirs, err := hffolder.Candidates(path)
	if err != nil {
		return o, false, nil // no folder of a model at all
	}
	dir := dirs[len(dirs)-1]
	if filepath.Base(dir) == hffolder.BestDir {
		return bestOrigin(dir)
	}
	state, err := checkpoint.ReadState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	options, err := optionsOf(dir, state)
	if err != nil {
		return o, false, err
	}
	s, err := readState(dir, state)
	if err != nil {
		return o, false, err
	}
	stop := evaluation{options: &options, patience: s.Memory.Patience}
	return Origin{Dir: dir, Step: s.Step, MaxSteps: options.MaxSteps, Over: s.Step >= options.MaxSteps || stop.stalled() != "",
		Last: isLast(dir), Best: s.Memory.Best}, true, nil
}

// isLast reports whether a checkpoint is the newest one of the run whose folder it is in.
func isLast(dir string) bool {
	all, err := hffolder.Checkpoints(filepath.Dir(filepath.Clean(dir)))
	return err == nil && len(all) > 0 && filepath.Base(all[len(all)-1]) == filepath.Base(dir)
}

// bestOrigin is the origin of the best model of a run.
func bestOrigin(dir string) (o Origin, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, hffolder.BestNote))
	if errors.Is(err, fs.ErrNotExist) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	o = Origin{Dir: dir, Best: &Best{}, IsBest: true}
	if err := json.Unmarshal(b, o.Best); err != nil {
		return o, false, fmt.Errorf("%s: %s: %w", dir, hffolder.BestNote, err)
	}
	o.Step = o.Best.Step
	last, ok, err := OriginOf(filepath.Dir(dir))
	if err == nil && ok {
		o.MaxSteps, o.Over = last.MaxSteps, last.Over
	}
	return o, true, err
}

// String says in one line which step of how many it is, and which model of the run.
func (o Origin) String() string {
	text := fmt.Sprintf("step %d", o.Step)
	if o.MaxSteps > 0 {
		text += fmt.Sprintf(" of %d", o.MaxSteps)
	}
	switch {
	case o.IsBest:
		return text + ", the best model of the run"
	case o.Last:
		text += ", the last checkpoint of the run"
	default:
		text += ", a checkpoint of the run"
	}
	if b := o.Best; b != nil && b.Step != o.Step {
		text += fmt.Sprintf(" (the best model is the one of step %d)", b.Step)
	}
	return text
}
