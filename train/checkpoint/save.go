package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/setting"
)

// Keep says which checkpoints of a run stay when another is saved.
type Keep struct {
	Newest int // number of the newest ones that stay
	// UpTo is a step that the run may go back to: the newest checkpoint up to there stays too.
	// 0: none does.
	UpTo int
}

// Save writes a checkpoint into the folder of the run and removes those that need not be kept. If
// it fails, it removes none.
func Save(run string, c *Checkpoint, keep Keep) error {
	final := stepDir(run, c.State.Step)
	if Has(run, c.State.Step) {
		return nil // a resumed run ends where it began: the weights are the same
	}
	err := inTemporary(run, c.write, func(tmp string) error {
		if err := os.Rename(tmp, final); err != nil {
			return err
		}
		return atomicfile.SyncDir(run)
	})
	if err != nil {
		return fmt.Errorf("the checkpoint of step %d was not saved, the ones before stand: %w", c.State.Step, explain(err))
	}
	return prune(run, keep)
}

// explain names the way out if the disk is full.
func explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		problem := "the disk is full: make room, then {train.Run.Resume} goes on"
		return &setting.Error{Field: "train.Run.Resume", Problem: problem, Err: err}
	}
	return err
}

// inTemporary makes a temporary folder in the folder of the run, calls fill to write into it,
// and finish to rename it. If one of them fails, the temporary folder is removed.
func inTemporary(run string, fill func(*folder) error, finish func(tmp string) error) error {
	tmp, err := os.MkdirTemp(run, temporary)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := fill(&folder{dir: tmp, sums: map[string]string{}}); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return finish(tmp)
}

func (c *Checkpoint) write(f *folder) error {
	if err := c.Model.write(f); err != nil {
		return err
	}
	if err := f.tensors(OptimizerFile, c.Optimizer); err != nil {
		return err
	}
	if c.EMA != nil {
		if err := f.tensors(EMAFile, c.EMA); err != nil {
			return err
		}
	}
	c.State.SHA256 = f.sums
	if c.Adapter != nil {
		c.State.Model = &c.Config.Config
	}
	b, err := c.State.encode()
	if err != nil {
		return err
	}
	return f.bytes(stateFile, b)
}

func (m *Model) write(f *folder) error {
	for name, b := range m.Files {
		if err := f.bytes(name, b); err != nil {
			return err
		}
	}
	if m.Adapter != nil {
		return errors.Join(f.tensors(AdapterFile, m.Weights), f.bytes(AdapterConfigFile, m.Adapter))
	}
	if err := f.tensors(WeightsFile, m.Weights); err != nil {
		return err
	}
	config, err := hffolder.EncodeConfig(m.Config)
	if err != nil {
		return err
	}
	return f.bytes(ConfigFile, config)
}

// folder is a folder that is being written; it keeps the sha256 of every file.
type folder struct {
	dir  string
	sums map[string]string
}

// file writes a file. It computes the sha256 while fill writes, so that the file is not read
// again.
func (f *folder) file(name string, fill func(w io.Writer) error) error {
	h, path := sha256.New(), filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	err := atomicfile.Write(path, func(w io.Writer) error { return fill(io.MultiWriter(w, h)) })
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f.sums[name] = hex.EncodeToString(h.Sum(nil))
	return nil
}

func (f *folder) tensors(name string, tensors []safetensors.Source) error {
	return f.file(name, func(w io.Writer) error { return hffolder.EncodeWeights(w, tensors) })
}

func (f *folder) bytes(name string, b []byte) error {
	return f.file(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// prune removes the checkpoints that need not be kept.
func prune(run string, keep Keep) error {
	steps, err := Steps(run)
	if err != nil {
		return err
	}
	var old []string
	last := slices.IndexFunc(steps, func(step int) bool { return step > keep.UpTo }) - 1
	for i, step := range steps[:max(0, len(steps)-keep.Newest)] {
		if keep.UpTo == 0 || i != last {
			old = append(old, stepDir(run, step))
		}
	}
	return removeAll(old)
}

func removeAll(paths []string) error {
	var errs []error
	for _, p := range paths {
		errs = append(errs, os.RemoveAll(p))
	}
	return errors.Join(errs...)
}
