package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"trit/eval"
)

// maxIndexed is the most YAML files of a folder, with those below it.
const maxIndexed = 20_000

// index is what the YAML files in a folder and below it are called by.
type index struct {
	dir    string
	names  map[string]*entry
	broken []error // of files that cannot be read
}

// The kinds of entries.
const (
	ofTask = iota
	ofGroup
	ofTag
)

type entry struct {
	kind    int
	path    string   // of a task or a group
	config  *mapping // its keys, with those of included files
	members []string // of a tag
}

// newIndex reads the files of a folder in the order of their paths. Of two of one name the first counts, as
// in the harness.
func newIndex(dir string) (*index, error) {
	x := &index{dir: dir, names: map[string]*entry{}}
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "__pycache__" || d.Name() == ".ipynb_checkpoints"):
			return fs.SkipDir
		case d.Type().IsRegular() && filepath.Ext(path) == ".yaml":
			paths = append(paths, path)
		}
		if len(paths) > maxIndexed {
			return fmt.Errorf("%s: it holds more than %d YAML files: name a folder of fewer", dir, maxIndexed)
		}
		return nil
	})
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.ToSlash(a), filepath.ToSlash(b)) })
	for _, path := range paths {
		m, err := readWithIncludes(path, &inclusion{})
		if err != nil {
			x.broken = append(x.broken, fmt.Errorf("%s: %w", path, err))
			continue
		}
		x.add(path, m)
	}
	return x, err
}

// add enters a file by its name, and by its tags if it is a task. Files without a name are parts of others.
func (x *index) add(path string, m *mapping) {
	key, kind := "task", ofTask
	_, isClass := m.get("class")
	if _, isGroup := m.get("group"); isGroup && !isClass {
		key, kind = "group", ofGroup
	}
	v, _ := m.get(key)
	name, ok := v.(string)
	if !ok || x.names[name] != nil {
		return
	}
	x.names[name] = &entry{kind: kind, path: path, config: m}
	tags, _ := m.get("tag")
	list, err := oneOrMore("tag", tags)
	if kind != ofTask || err != nil {
		return
	}
	for _, tag := range list {
		if x.names[tag] == nil {
			x.names[tag] = &entry{kind: ofTag}
		}
		x.names[tag].members = append(x.names[tag].members, name)
	}
}

// with is a copy with the keys of another mapping, which go before its own.
func (m *mapping) with(other *mapping) *mapping {
	out := &mapping{slices.Clone(m.pairs)}
	out.merge(other)
	return out
}

// without is a copy without a key.
func (m *mapping) without(key string) *mapping {
	return &mapping{slices.DeleteFunc(slices.Clone(m.pairs), func(p pair) bool { return p.key == any(key) })}
}

// Find returns the tasks that a folder's files, or those below it, have by a name: of a task, a group or a tag.
func Find(dir, name string, builtin func(name string) []eval.Task) ([]eval.Task, error) {
	x, err := newIndex(dir)
	if err != nil {
		return nil, err
	}
	if x.names[name] == nil {
		return nil, errors.Join(append([]error{fmt.Errorf("%s: no file calls a task, a group or a tag %q", dir, name)}, x.broken...)...)
	}
	return unique((&reader{x, builtin}).named(name, nil, &mapping{}))
}
