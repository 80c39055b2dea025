package harness

import (
	"fmt"
	"path/filepath"
	"strings"
)

// inclusion is the files that a task is read from.
type inclusion struct{ seen []string }

func (i *inclusion) add(path string) error {
	whole, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, s := range i.seen {
		if s == whole {
			return fmt.Errorf("include: %s is included twice, which the harness refuses too", path)
		}
	}
	if i.seen = append(i.seen, whole); len(i.seen) > maxFiles {
		return fmt.Errorf("include: it takes more than %d files", maxFiles)
	}
	return nil
}

// readWithIncludes reads a file and those that it includes, relative to it. Its own keys come before
// those of included files, and these before those of files that are named earlier.
func readWithIncludes(path string, i *inclusion) (*mapping, error) {
	if err := i.add(path); err != nil {
		return nil, err
	}
	own, err := readFile(path)
	if err != nil {
		return nil, err
	}
	names, err := included(own)
	if err != nil {
		return nil, err
	}
	all := &mapping{}
	for _, name := range names {
		m, err := readWithIncludes(filepath.Join(filepath.Dir(path), filepath.FromSlash(name)), i)
		if err != nil {
			return nil, fmt.Errorf("include %s: %w", name, err)
		}
		all.merge(m)
	}
	all.merge(own)
	return all, nil
}

// merge sets the keys of another mapping.
func (m *mapping) merge(other *mapping) {
	for _, p := range other.pairs {
		if p.key != any("include") {
			m.set(p.key, p.value)
		}
	}
}

// included are the names behind include.
func included(m *mapping) ([]string, error) {
	v, ok := m.get("include")
	if !ok {
		return nil, nil
	}
	names, err := oneOrMore("include", v)
	for _, name := range names {
		if filepath.IsAbs(name) || strings.HasPrefix(name, "~") {
			return nil, fmt.Errorf("include: %s: want a path from the file itself", name)
		}
	}
	return names, err
}
