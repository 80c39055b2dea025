package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"trit/cmd/trit/cmdline"
	"trit/convert"
	"trit/convert/source"
	"trit/model"
)

// ConfigOf reads the model of a file or folder of any form.
func ConfigOf(path string) (model.Config, error) {
	m, err := source.Open(path, source.Options{})
	if err != nil {
		return model.Config{}, err
	}
	defer m.Close()
	return m.Config.Config, nil
}

// MakeMasters writes a model that holds only codes to a folder that training can begin with: each
// ternary weight becomes master weights that round to its codes and its scale. With keep a folder that
// is there already stays. It returns what was done, for people.
func MakeMasters(ctx context.Context, con *cmdline.Console, path, folder string, keep bool) (note string, err error) {
	note = fmt.Sprintf("%s holds no master weights: the run begins with some that were made of its codes and scales, "+
		"in %s. They round to the same model; what the codes were once rounded from is lost", path, folder)
	if _, err := os.Stat(folder); err == nil && keep {
		return note, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	progress := con.Progress("")
	_, err = convert.Convert(ctx, path, folder, convert.Options{Type: convert.BF16, EmbeddingType: convert.F32,
		Overwrite: true, Progress: func(stage string, done, total int64) { progress.Show(done, total, stage) }})
	progress.End()
	return note, err
}
