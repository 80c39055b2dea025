// Package published holds tables of papers as data (models, tasks, few-shot examples, metrics
// and published values) and puts measurements beside them.
package published

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"trit/internal/jsonfile"
	"trit/internal/nearest"
)

// Table is a table of a paper.
type Table struct {
	Name    string   `json:"name"` // one of Names
	Title   string   `json:"title"`
	Sources []Source `json:"sources"` // of published values, the paper first
	Notes   []string `json:"notes"`   // what the sources leave open, and how this package decides it
	Columns []Column `json:"columns"`
	Models  []Model  `json:"models"`
}

// Source is where values were published.
type Source struct {
	Key   string `json:"key"`
	Title string `json:"title"`
}

// Column is a task and how it was asked. What a paper leaves open has a Column for each reading; they
// have the same title, and the first that was measured counts in averages.
type Column struct {
	Title      string `json:"title"`             // in the paper
	Reading    string `json:"reading,omitempty"` // how this column reads what the paper leaves open
	Task       string `json:"task"`              // name in package eval/tasks, or of mtbench; "" if there is none
	Metric     string `json:"metric"`            // with the filter, such as "acc,none"; without a task the paper's name
	NumFewshot int    `json:"num_fewshot"`
	Chat       bool   `json:"chat"`    // asked in the model's chat template
	Absent     string `json:"missing"` // why there is no task
	Unit       Unit   `json:"unit,omitempty"`
	// MeanWith are scores whose mean with the column's own is its value.
	MeanWith []Part `json:"mean_with,omitempty"`
}

// Part is one of the scores that a column is the mean of.
type Part struct {
	Task   string `json:"task,omitempty"` // "": the column's own
	Metric string `json:"metric"`
}

// Unit is what a column's values are.
type Unit string

// The units.
const (
	Percent    Unit = ""
	Points     Unit = "points"     // of 10, such as a judge's ratings
	Perplexity Unit = "perplexity" // less is better; it counts in no average
)

// Label is the title with the reading.
func (c *Column) Label() string {
	if c.Reading == "" {
		return c.Title
	}
	return c.Title + " (" + c.Reading + ")"
}

// Parts are the scores that the column is the mean of, its own first.
func (c *Column) Parts() []Part {
	parts := append([]Part{{c.Task, c.Metric}}, c.MeanWith...)
	for i := range parts {
		if parts[i].Task == "" {
			parts[i].Task = c.Task
		}
	}
	return parts
}

// Model is a row of the paper.
type Model struct {
	Name string   `json:"name"`
	Hub  []string `json:"hub"` // OWNER/NAME, the one to fetch first; empty: none that is read
	// Published are the values by source and title, in the columns' units.
	Published map[string]map[string]float64 `json:"published"`
}

//go:embed tables
var files embed.FS

// Names are the names of the tables.
func Names() []string {
	entries, err := files.ReadDir("tables")
	if err != nil {
		panic(err) // embedded above
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Load returns a table by its name, one of Names.
func Load(name string) (*Table, error) {
	b, err := files.ReadFile("tables/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no table %q%s", name, nearest.OneOf(name, Names(), nil))
	}
	t := &Table{}
	if err := jsonfile.DecodeStrict(b, t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// Find returns a row by its name or by its model on the Hub (OWNER/NAME, perhaps with a revision
// or a file), nil if there is none.
func (t *Table) Find(name string) *Model {
	id, _, _ := strings.Cut(name, "@")
	for i := range t.Models {
		m := &t.Models[i]
		onHub := func(h string) bool { return h == id || strings.HasPrefix(id, h+"/") }
		if m.Name == name || slices.ContainsFunc(m.Hub, onHub) {
			return m
		}
	}
	return nil
}

// Rows are the names of the rows.
func (t *Table) Rows() []string {
	var names []string
	for _, m := range t.Models {
		names = append(names, m.Name)
	}
	return names
}

// Tasks are the tasks of the columns that have one, each once.
func (t *Table) Tasks() []string {
	var tasks []string
	for _, c := range t.Columns {
		for _, p := range c.Parts() {
			if p.Task != "" && !slices.Contains(tasks, p.Task) {
				tasks = append(tasks, p.Task)
			}
		}
	}
	return tasks
}

// Titles are the titles of the columns, each once.
func (t *Table) Titles() []string {
	var titles []string
	for _, c := range t.Columns {
		if !slices.Contains(titles, c.Title) {
			titles = append(titles, c.Title)
		}
	}
	return titles
}
