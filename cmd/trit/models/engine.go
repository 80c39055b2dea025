package models

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/convert"
	"trit/convert/source"
	"trit/infer"
	"trit/internal/machine"
	"trit/repro"
	"trit/tokenizer"
)

// IsFolder reports whether what Find returned is a folder, which the engine cannot load as it is.
func IsFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// GGUF returns the path of a file as it is, and converts a folder to a temporary GGUF file, which
// remove removes. On Unix the file may be removed as soon as it is open.
func GGUF(c *cli.Context, path string, o convert.Options) (file string, remove func(), err error) {
	nothing := func() {}
	if !IsFolder(path) {
		return path, nothing, nil
	}
	dir, err := os.MkdirTemp("", "trit-model-")
	if err != nil {
		return "", nothing, err
	}
	remove = func() { os.RemoveAll(dir) }
	file = filepath.Join(dir, "model.gguf")
	progress := cmdline.NewConsole(c).Progress("")
	o.Progress = func(stage string, done, total int64) { progress.Show(done, total, stage) }
	_, err = convert.Convert(c.Context, path, file, o)
	progress.End()
	if err != nil {
		remove()
		return "", nothing, fmt.Errorf("converting %s: %w", path, err)
	}
	return file, remove, nil
}

// forEngine are the options of a conversion that only the engine of this process reads.
func forEngine(threads int) convert.Options {
	return convert.Options{Options: source.Options{Threads: threads}, Pad: true, SkipVerify: true}
}

// File finds a model for the engine: a GGUF file, or a temporary one that a folder is converted
// to, which is said.
func File(c *cli.Context, name string) (file string, remove func(), err error) {
	f, err := find(c, name)
	if err != nil {
		return "", func() {}, err
	}
	if file, remove, err = GGUF(c, f.path, forEngine(c.Int("threads"))); err != nil {
		return "", remove, err
	}
	con := cmdline.NewConsole(c)
	switch {
	case file != f.path:
		con.Warnf("model: %s, converted to a temporary GGUF file (trit convert %s OUT.gguf keeps one)",
			cmp.Or(f.choice, f.path), name)
	case f.choice != "":
		con.Warnf("model: %s", f.choice)
	}
	return file, remove, nil
}

// Load loads the model that a command line names, with the adapters of AdapterFlag, and its tokenizer,
// nil if it has none. It prints a warning for each thing in the file that looks wrong.
func Load(c *cli.Context, name string, o infer.Options) (*infer.Model, *tokenizer.Tokenizer, error) {
	file, remove, err := File(c, name)
	if err != nil {
		return nil, nil, err
	}
	defer remove() // a mapped file lives on without its name
	m, tok, err := repro.LoadGGUF(file, o)
	if err != nil {
		return nil, nil, err
	}
	machine.BoundGarbage()
	cmdline.NewConsole(c).Warnings(m.Warnings())
	return WithAdapters(c, m, tok, c.StringSlice("adapter")...)
}
