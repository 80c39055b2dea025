package main

import (
	"context"
	"path/filepath"
	"time"

	"trit/watch"
)

// writeTensorBoard writes the runs as event files, once, or again and again until ctx ends.
func (w *watcher) writeTensorBoard(ctx context.Context, dir string, follow bool) error {
	runs, err := w.open()
	if err != nil {
		return err
	}
	list := exports(dir, runs)
	for {
		for i, r := range runs {
			if err := list[i].Update(r); err != nil {
				return err
			}
		}
		if !follow || !wait(ctx, w.every) {
			break
		}
		if runs, err = w.open(); err != nil {
			return err
		}
	}
	for _, x := range list {
		if err := x.Close(); err != nil {
			return err
		}
	}
	w.con.Printf("tensorboard --logdir %s\n", dir)
	return nil
}

// wait waits for a duration. It reports false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// exports makes an Export for each run. Each of several runs has a folder of its own, since
// TensorBoard shows each folder as one run.
func exports(dir string, runs []*watch.Run) []*watch.Export {
	var list []*watch.Export
	for _, name := range watch.Names(runs) {
		if len(runs) == 1 {
			name = ""
		}
		list = append(list, watch.NewExport(filepath.Join(dir, name)))
	}
	return list
}
