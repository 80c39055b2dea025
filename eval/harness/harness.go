// Package harness reads files of tasks and of groups of lm-evaluation-harness as they are: YAML with Jinja templates.
// A task asks the same prompts, stops at the same texts and reads answers with the same filters as
// there. What a file says and this package does not compute is an error that names the key: no key
// is passed over, but those that change no number (should_decontaminate and
// doc_to_decontamination_query). Functions of Python (!function) are not run.
//
// A file is a stranger's input. Its size, the files that it includes and its templates have limits.
package harness

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"trit/eval"
)

// Limits of a task and the files that it includes.
const (
	maxBytes  = 1 << 20 // of one file
	maxFiles  = 32
	maxValues = 100_000 // with those that aliases repeat
	maxDepth  = 64      // of values within one another
)

// keysOfTheForm are keys that only files of the harness have, not an eval.Declaration.
var keysOfTheForm = []string{
	"task", "group", "class", "include", "dataset_path", "output_type", "doc_to_text", "doc_to_target", "doc_to_choice",
}

// Is reports whether a YAML file is in the harness's form. One that cannot be read is not.
func Is(path string) bool {
	m, err := readFile(path)
	return err == nil && slices.ContainsFunc(keysOfTheForm, func(key string) bool { _, ok := m.get(key); return ok })
}

// Read makes the tasks of a file: one, or those of a group. Members of a group are looked for in the files
// beside it and below, and then among the tasks that builtin has by a name (nil: none).
func Read(path string, builtin func(name string) []eval.Task) ([]eval.Task, error) {
	tasks, err := read(path, builtin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tasks, nil
}

func read(path string, builtin func(name string) []eval.Task) ([]eval.Task, error) {
	m, err := readWithIncludes(path, &inclusion{})
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	_, isClass := m.get("class")
	if _, isGroup := m.get("group"); !isGroup || isClass {
		return taskOf(m, dir, nil)
	}
	name, err := textOf(m, "group")
	if err != nil {
		return nil, err
	}
	x, err := newIndex(dir)
	if err != nil {
		return nil, err
	}
	return unique((&reader{x, builtin}).group(name, m, dir, nil, &mapping{}))
}

// unique refuses tasks of which one comes twice, whose results would have the same name.
func unique(tasks []eval.Task, err error) ([]eval.Task, error) {
	seen := map[string]bool{}
	for _, t := range tasks {
		if seen[t.Name] {
			return nil, fmt.Errorf("the task %s comes twice", t.Name)
		}
		seen[t.Name] = true
	}
	return tasks, err
}

// refuseOthers refuses files of the harness that are not tasks.
func refuseOthers(m *mapping) error {
	name, isTask := m.get("task")
	_, isClass := m.get("class")
	switch _, isList := name.([]any); {
	case isClass:
		return errors.New("class: the task is written in Python, which is not run here; write it as an eval.Task in Go")
	case isList:
		return errors.New("group: the file lists tasks, but has no name of a group")
	case !isTask:
		return errors.New("task: the file has no name of a task: it is a part that others include")
	}
	return nil
}
