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
		s := suite{name: name}
		for _, c := range table.Columns {
			s.add(&c)
		}
		if found, err = s.join(found); err != nil {
			return nil, nil, err
		}
		notes = append(notes, s.notes()...)
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

// suite is the tasks of a table's columns.
type suite struct {
	name    string
	tasks   []eval.Task
	reasons []string            // why columns are not there
	without map[string][]string // titles of these columns, by reason
}

// add adds the tasks of a column. Where the table asks a task in several ways, the ways after the first
// have what is different in their names.
func (s *suite) add(c *published.Column) {
	if c.Task == "" {
		s.lack(c.Title, c.Absent)
		return
	}
	for _, p := range c.Parts() {
		s.addTask(c, p.Task)
	}
}

// addTask adds a task as a column asks it.
func (s *suite) addTask(c *published.Column, name string) {
	found, err := tasks.Find(name)
	if err != nil {
		s.lack(c.Title, "another command measures "+name)
		return
	}
	for _, t := range found {
		t.Fewshot.Count = c.NumFewshot
		if t.Chat = c.Chat; c.Chat {
			t.Note = strings.TrimPrefix(t.Note+", chat", ", ")
		}
		if twin := named(s.tasks, t.Name); twin != nil && twin.Fewshot.Count != t.Fewshot.Count {
			t.Name = fmt.Sprintf("%s_%dshot", t.Name, c.NumFewshot)
		}
		if twin := named(s.tasks, t.Name); twin != nil && twin.Chat != t.Chat {
			t.Name += map[bool]string{true: "_chat", false: "_plain"}[t.Chat]
		}
		if named(s.tasks, t.Name) == nil {
			s.tasks = append(s.tasks, t)
		}
	}
}

// lack notes a column that is not among the tasks.
func (s *suite) lack(title, reason string) {
	if s.without[reason] == nil {
		s.reasons = append(s.reasons, reason)
	}
	if s.without == nil {
		s.without = map[string][]string{}
	}
	s.without[reason] = append(s.without[reason], title)
}

// notes name the columns that are not among the tasks.
func (s *suite) notes() (lines []string) {
	for _, reason := range s.reasons {
		lines = append(lines, fmt.Sprintf("%s is without %s: %s", s.name, strings.Join(s.without[reason], ", "), reason))
	}
	return lines
}

func named(list []eval.Task, name string) *eval.Task {
	if i := slices.IndexFunc(list, func(t eval.Task) bool { return t.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// join adds the tasks of the suite that are not in the list yet.
func (s *suite) join(list []eval.Task) ([]eval.Task, error) {
	for _, t := range s.tasks {
		switch twin := named(list, t.Name); {
		case twin == nil:
			list = append(list, t)
		case twin.Fewshot.Count != t.Fewshot.Count || twin.Chat != t.Chat:
			return nil, setting.Needs("eval.Options.Tasks",
				fmt.Sprintf("%s asks %s with %d examples%s: it is named in another form too", s.name, t.Name,
					t.Fewshot.Count, map[bool]string{true: " in the chat template"}[t.Chat]),
				"run one of them apart")
		}
	}
	return list, nil
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
