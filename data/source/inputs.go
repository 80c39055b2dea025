package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/setting"
)

// maxFiles bounds the files of all paths together.
const maxFiles = 1 << 20

// preparedManifest is the file that makes a folder a prepared data set.
const preparedManifest = "dataset.json"

// input is one file or stream.
type input struct {
	path   string
	stream bool   // it can be read once
	begun  bool   // of a stream: it was opened
	copied string // of a stream: the file that it was copied to
	kind   kind   // "" of a stream that was not opened yet
}

// find lists the files of all paths and looks at each.
func find(o Options) ([]input, error) {
	if len(o.Paths) == 0 {
		return nil, &setting.Error{Field: "source.Options.Paths", Found: "empty", Wanted: "files of text"}
	}
	var all []input
	for i, path := range o.Paths {
		inputs, err := findPath(path, o)
		if err != nil {
			return nil, err
		}
		all = append(all, inputs...)
		if rest := len(o.Paths) - i - 1; len(all)+rest > maxFiles {
			return nil, setting.Needs("source.Options.Paths", fmt.Sprintf("there are more than %d files", maxFiles),
				"put them together in larger ones")
		}
	}
	return all, checkUse(all, o)
}

// checkUse refuses an option that would do nothing. What a stream is shows when it is opened.
func checkUse(all []input, o Options) error {
	if o.Documents != "" && !o.Shared && !divisible(all) {
		return setting.Needs("source.Options.Documents",
			fmt.Sprintf("{source.Options.Documents} divides plain text, and %s is %s", all[0].path, all[0].kind), "leave it out")
	}
	rows := func(in input) bool { return in.kind != plainKind }
	if o.Column != DefaultColumn && len(all) > 0 && !slices.ContainsFunc(all, rows) {
		return setting.Needs("source.Options.Column",
			fmt.Sprintf("{source.Options.Column} is %q, and %s is %s, which has no columns", o.Column, all[0].path, all[0].kind),
			"leave it out")
	}
	return nil
}

// divisible reports whether some input is, or may be, plain text.
func divisible(all []input) bool {
	return slices.ContainsFunc(all, func(in input) bool { return in.kind == "" || in.kind == plainKind })
}

// Divisible reports whether Options.Documents divides some of the texts.
func (t *Texts) Divisible() bool { return divisible(t.inputs) }

func findPath(path string, o Options) ([]input, error) {
	if r := o.Remote[path]; r != nil {
		in := input{path: path}
		s, err := openRemote(path, r, lookBytes, o)
		if err != nil {
			return nil, err
		}
		defer s.close()
		in.kind = s.kind
		return []input{in}, in.refuseEmpty()
	}
	if path == Standard {
		if o.Stdin == nil {
			return nil, &KindError{Standard, "the standard input, which is not open", "give a file"}
		}
		return []input{{path: path, stream: true}}, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, "*?["):
		return findPattern(path, o)
	case err != nil:
		return nil, err
	case info.IsDir():
		files, err := filesBelow(path)
		if err != nil {
			return nil, err
		}
		return lookAtAll(path, files, o)
	case !info.Mode().IsRegular():
		return []input{{path: path, stream: true}}, nil
	}
	in := input{path: path}
	if err := in.look(o); err != nil {
		return nil, err
	}
	return []input{in}, in.refuseEmpty()
}

func findPattern(pattern string, o Options) ([]input, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, setting.Needs("source.Options.Paths", fmt.Sprintf("%q is no pattern", pattern),
			"'*', '?' and [abc] stand for other characters")
	}
	files = slices.DeleteFunc(files, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.IsDir() || isBeside(filepath.Base(path)) && !isBeside(filepath.Base(pattern))
	})
	if len(files) == 0 {
		return nil, setting.Needs("source.Options.Paths", fmt.Sprintf("no file matches %q", pattern),
			"give files that are there")
	}
	slices.Sort(files)
	return lookAtAll(pattern, files, o)
}

// isBeside reports whether a name begins as those of files that programs put beside data.
func isBeside(name string) bool { return strings.ContainsAny(name[:1], "._") }

// filesBelow lists the files in a folder and its folders, except those beside the data.
func filesBelow(dir string) (files []string, err error) {
	if _, err := os.Stat(filepath.Join(dir, preparedManifest)); err == nil {
		return nil, &KindError{dir, "a prepared data set", "training takes it as it is"}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && isBeside(d.Name()):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		if files = append(files, path); len(files) > maxFiles {
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		return nil, &KindError{dir, "a folder without files", "give one with text"}
	}
	slices.Sort(files)
	return files, err
}

// lookAtAll looks at the files of a folder or pattern, which must be of one kind: a stray file
// would be trained on unseen.
func lookAtAll(from string, files []string, o Options) (inputs []input, err error) {
	var first *input
	inputs = make([]input, 0, len(files))
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, &KindError{path, "a link to a folder, or a device", "name what is to be read"}
		}
		in := input{path: path}
		if err := in.look(o); err != nil {
			return nil, err
		}
		if inputs = append(inputs, in); in.kind == emptyKind {
			continue
		}
		if first == nil {
			first = &inputs[len(inputs)-1]
		}
		if in.kind != first.kind {
			mixture := fmt.Sprintf("a mixture: %s is %s and %s is %s", first.path, first.kind, in.path, in.kind)
			return nil, &KindError{from, mixture, `name the files of one kind with a pattern, such as "*.txt"`}
		}
	}
	if first == nil {
		return nil, &KindError{from, "a list of empty files", "give some with text"}
	}
	return inputs, nil
}

// look finds out what a file is.
func (in *input) look(o Options) error {
	s, err := openFile(in.path, in.path, o)
	if err != nil {
		return err
	}
	in.kind = s.kind
	s.close()
	return nil
}

func (in *input) refuseEmpty() error {
	if in.kind == emptyKind {
		return &KindError{in.path, string(emptyKind), "give one with text"}
	}
	return nil
}
