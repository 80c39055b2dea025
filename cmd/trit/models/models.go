// Package models opens the model that a command line names. One door for all commands: a GGUF
// file, a model folder, a run, a folder that holds one GGUF file, or a model of the Hugging Face
// Hub as OWNER/NAME, OWNER/NAME@REVISION or OWNER/NAME/FILE.gguf.
package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/format/hffolder"
	"trit/internal/hub"
	"trit/internal/nearest"
)

// ArgsUsage is the argument of commands that take a model, for their help.
const ArgsUsage = "MODEL|OWNER/NAME"

// Find returns the file or the model folder that a name means: of a run its best model, or its
// newest checkpoint without one; of a folder with one GGUF file and no model of its own that file;
// of a model of the Hub what it fetched. It says which was chosen. The command must have the flags
// of HubFlags.
func Find(c *cli.Context, name string) (string, error) {
	f, err := find(c, name)
	if err == nil && f.choice != "" {
		cmdline.NewConsole(c).Warnf("model: %s", f.choice)
	}
	return f.path, err
}

// found is a model that a name means.
type found struct {
	path   string
	choice string // for people, if a choice was made
}

func find(c *cli.Context, name string) (found, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return inFolder(name)
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return found{path: name}, err
	}
	return fetch(c, name)
}

// inFolder chooses from a local folder. A folder without any model is returned as it is, for the
// reader to refuse.
func inFolder(dir string) (found, error) {
	if chosen, err := hffolder.Choose(dir); err == nil {
		if chosen.Dir == dir {
			return found{path: dir}, nil
		}
		return found{chosen.Dir, chosen.String()}, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.gguf"))
	if err != nil || len(files) == 0 {
		return found{path: dir}, err
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	var choice modelChoice
	if choice.choose(files); choice.err != nil {
		return found{}, fmt.Errorf("%s: %w", dir, choice.err)
	}
	return choice.found(dir), nil
}

// fetch fetches a model from the Hub: its weights in safetensors files if it has such, else its
// GGUF file.
func fetch(c *cli.Context, name string) (found, error) {
	repo, file, ok := hubModel(name)
	near := beside(name)
	if !ok && near != "" {
		return found{}, fmt.Errorf("there is no file or folder %s: %s", name, near)
	}
	if !ok {
		return found{}, fmt.Errorf("%s is neither a file or folder nor a model of the Hub, "+
			"which is OWNER/NAME, OWNER/NAME@REVISION or OWNER/NAME/FILE.gguf", name)
	}
	choice := &modelChoice{named: file}
	dir, err := Pull(c, repo, hub.Patterns{Choose: choice.choose}, "")
	if choice.err != nil {
		return found{}, fmt.Errorf("%s: %w", repo.ID, choice.err)
	}
	if err != nil && near != "" {
		return found{}, fmt.Errorf("there is no file or folder %s: %s From the Hub: %w", name, near, err)
	}
	if err != nil {
		return found{}, fmt.Errorf("there is no file or folder %s, and from the Hub: %w", name, err)
	}
	return choice.found(dir), nil
}

// beside asks for the file or folder that name may mean, of those that lie in the folder where it would
// be. It is "" if there is no such folder, or none in it is near.
func beside(name string) string {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return ""
	}
	var paths []string
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) == ".gguf" {
			paths = append(paths, filepath.Join(filepath.Dir(name), e.Name()))
		}
	}
	return nearest.Question(filepath.Clean(name), paths, nil)
}
