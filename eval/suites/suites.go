// Package suites has lists of tasks as papers ask them, each with the examples before a question and the
// chat template that the paper has. The lists are the tables of package published.
package suites

import (
	"fmt"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/published"
	"trit/eval/tasks"
	"trit/setting"
)

// prefix stands before the name of a table in the name of its suite.
const prefix = "paper-"

// Names are the names of the suites.
func Names() (names []string) {
	for _, table := range published.Names() {
		names = append(names, prefix+table)
	}
	return names
}

// Find returns tasks by the names that tasks.Find knows, and by names of suites, with or without their
// dashes (paper-2b4t). A task that several names stand for is returned once. notes says what a suite
// lacks of its table, a line for each reason.
func Find(names ...string) (found []eval.Task, notes []string, err error) {
	isSuite := func(name string) bool { return strings.HasPrefix(name, prefix) }
	if found, err = tasks.Find(slices.DeleteFunc(slices.Clone(names), isSuite)...); err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if !isSuite(name) {
			continue
		}
		table, err := load(name)
		if err != nil {
			return nil, nil, err
		}
		list, err := suite(table)
		if err != nil {
			return nil, nil, err
		}
		if found, err = join(found, list, name); err != nil {
			return nil, nil, err
		}
		notes = append(notes, lacks(table, name)...)
	}
	return found, notes, nil
}

// load returns the table of a suite.
func load(name string) (*published.Table, error) {
	plain := func(s string) string { return strings.ReplaceAll(s, "-", "") }
	for _, known := range Names() {
		if plain(known) == plain(name) {
			return published.Load(strings.TrimPrefix(known, prefix))
		}
	}
	return nil, setting.Needs("eval.Options.Tasks", fmt.Sprintf("there is no suite %q", name),
		"want one of "+strings.Join(Names(), ", "))
}

// suite returns the tasks of a table's columns. Where the table asks a task in several ways, the ways
// after the first have the number of examples in their names.
func suite(table *published.Table) (list []eval.Task, err error) {
	for _, c := range table.Columns {
		if c.Task == "" {
			continue
		}
		found, err := tasks.Find(c.Task)
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			t.Fewshot.Count = c.NumFewshot
			if t.Chat = c.Chat; c.Chat {
				t.Note = strings.TrimPrefix(t.Note+", chat", ", ")
			}
			if twin := named(list, t.Name); twin != nil && !alike(twin, &t) {
				t.Name = fmt.Sprintf("%s_%dshot", t.Name, c.NumFewshot)
			}
			if named(list, t.Name) == nil {
				list = append(list, t)
			}
		}
	}
	return list, nil
}

func named(list []eval.Task, name string) *eval.Task {
	if i := slices.IndexFunc(list, func(t eval.Task) bool { return t.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// alike reports whether two forms of a task ask in the same way.
func alike(a, b *eval.Task) bool { return a.Fewshot.Count == b.Fewshot.Count && a.Chat == b.Chat }

// join adds the tasks of a suite that are not in the list yet.
func join(list, added []eval.Task, name string) ([]eval.Task, error) {
	for _, t := range added {
		switch twin := named(list, t.Name); {
		case twin == nil:
			list = append(list, t)
		case !alike(twin, &t):
			return nil, setting.Needs("eval.Options.Tasks",
				fmt.Sprintf("%s asks %s with %d examples%s: it is named in another form too", name, t.Name,
					t.Fewshot.Count, map[bool]string{true: " in the chat template"}[t.Chat]),
				"run one of them apart")
		}
	}
	return list, nil
}

// lacks names the columns of a table without a task.
func lacks(table *published.Table, name string) (notes []string) {
	var reasons []string
	titles := map[string][]string{}
	for _, c := range table.Columns {
		if c.Task == "" && titles[c.Absent] == nil {
			reasons = append(reasons, c.Absent)
		}
		if c.Task == "" {
			titles[c.Absent] = append(titles[c.Absent], c.Title)
		}
	}
	for _, r := range reasons {
		notes = append(notes, fmt.Sprintf("%s is without %s: %s", name, strings.Join(titles[r], ", "), r))
	}
	return notes
}

// Columns are the names of the tasks of a suite, a group instead of its tasks.
func Columns(found []eval.Task) (names []string) {
	for _, t := range found {
		name := t.Name
		if len(t.Groups) > 0 {
			name = t.Groups[0].Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
