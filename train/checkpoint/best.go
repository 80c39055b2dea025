package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"trit/format/hffolder"
	"trit/internal/atomicfile"
)

// BestDir is the folder of a run's best model.
const BestDir = hffolder.BestDir

// SaveBest writes a model as the plain folder best of a run, in place of the last best one,
// with a note of its origin as best.json. It appears whole or not at all.
func SaveBest(run string, m *Model, note any) error {
	err := inTemporary(run, func(f *folder) error {
		if err := m.write(f); err != nil {
			return err
		}
		b, err := json.MarshalIndent(note, "", "  ")
		if err != nil {
			return err
		}
		return f.bytes(hffolder.BestNote, append(b, '\n'))
	}, func(tmp string) error { return atomicfile.ReplaceDir(tmp, filepath.Join(run, BestDir)) })
	if err != nil {
		return fmt.Errorf("the best model was not saved, the one before stands: %w", explain(err))
	}
	return nil
}

// Clean removes the unfinished files and folders of a run that was killed. It must not be
// called while a run is at work in the folder.
func Clean(run string) error {
	checkpoints, err := filepath.Glob(filepath.Join(run, temporary+"*"))
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(run, ".*.tmp-*"))
	return errors.Join(err, removeAll(append(checkpoints, files...)), atomicfile.RecoverDir(filepath.Join(run, BestDir)))
}
