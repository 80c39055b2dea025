package published

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/mtbench"
	"trit/eval/tasks"
)

func TestTablesNameTasksThatThereAre(t *testing.T) {
	for _, name := range Names() {
		table, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if table.Name != name || table.Title == "" || len(table.Sources) == 0 || len(table.Models) == 0 {
			t.Errorf("%s: %+v", name, table)
		}
		for _, c := range table.Columns {
			if (c.Task == "") == (c.Absent == "") {
				t.Errorf("%s: column %s: task %q, missing %q", name, c.Label(), c.Task, c.Absent)
			}
			for _, p := range c.Parts() {
				if all := metricsOf(p.Task); c.Task != "" && !slices.Contains(all, p.Metric) {
					t.Errorf("%s: %s is no metric of %s, which has %v", name, p.Metric, p.Task, all)
				}
			}
		}
		checkValues(t, table)
	}
	if _, err := Load("none"); err == nil || !strings.Contains(err.Error(), "2b-4t") {
		t.Errorf("no table: %v", err)
	}
}

// checkValues wants values of the table's columns and sources, each within its unit, some of each model
// and some of each column.
func checkValues(t *testing.T, table *Table) {
	t.Helper()
	limit := map[Unit]float64{Percent: 100, Points: 10, Perplexity: 1000}
	units, found := map[string]Unit{}, map[string]bool{}
	for _, c := range table.Columns {
		units[c.Title] = c.Unit
	}
	for _, m := range table.Models {
		values := 0
		for source, list := range m.Published {
			if !slices.ContainsFunc(table.Sources, func(s Source) bool { return s.Key == source }) {
				t.Errorf("%s: %s has values of a source %q", table.Name, m.Name, source)
			}
			for title, v := range list {
				unit, ok := units[title]
				if values++; !ok || v <= 0 || v > limit[unit] {
					t.Errorf("%s: %s has %g for %s", table.Name, m.Name, v, title)
				}
				found[title] = true
			}
		}
		if values == 0 {
			t.Errorf("%s: %s has no values", table.Name, m.Name)
		}
	}
	for _, title := range table.Titles() {
		if !found[title] {
			t.Errorf("%s: no model has a value for %s", table.Name, title)
		}
	}
}

// metricsOf are the metrics of a task or of the tasks of a group, with their filters; nil if there is none
// of that name.
func metricsOf(name string) []string {
	if name == mtbench.Name {
		return []string{"score,none"}
	}
	found, err := tasks.Find(name)
	if err != nil {
		return nil
	}
	return metrics(&found[0])
}

// metrics are those of a task, with their filters.
func metrics(task *eval.Task) []string {
	var all []string
	for _, m := range task.Metrics {
		all = append(all, string(m)+",none")
	}
	if task.Tokens != nil {
		all = append(all, string(eval.Loss)+",none", string(eval.Perplexity)+",none")
	}
	for _, f := range task.Answers.Filters {
		for _, m := range append(task.Answers.Metrics, task.Answers.Metric) {
			all = append(all, string(m)+","+f.Name)
		}
	}
	return all
}

func TestFind(t *testing.T) {
	table, err := Load("b1.58-zero-shot")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"3B": "3B", "1bitLLM/bitnet_b1_58-3B": "3B", "1bitLLM/bitnet_b1_58-large@main": "700M", "1bitLLM/bitnet_b1_58-large/x.gguf": "700M",
		"1bitLLM/bitnet_b1_58-largest": "", "3b": "", "": "",
	} {
		m := table.Find(name)
		if (m == nil) != (want == "") || m != nil && m.Name != want {
			t.Errorf("%q: %+v, want %q", name, m, want)
		}
	}
}

// Sixteen columns of the paper, eleven of table 3; what is open has two readings.
func TestColumns(t *testing.T) {
	for name, want := range map[string]int{"2b-4t": 16, "1bit-models": 11, "b1.58-2t": 5, "b1.58-zero-shot": 8, "bonsai": 7, "falcon-e": 5, "falcon-e-v2": 6} {
		table, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := table.Titles(); len(got) != want {
			t.Errorf("%s has %d columns, want %d: %v", name, len(got), want, got)
		}
		labels := map[string]bool{}
		for _, c := range table.Columns {
			if labels[c.Label()] {
				t.Errorf("%s: two columns are %s", name, c.Label())
			}
			labels[c.Label()] = true
		}
	}
}

// The averages of the papers are those of their columns.
func TestAveragesAreThePapers(t *testing.T) {
	for _, c := range []struct {
		table, row, source string
		want               float64
	}{
		{"2b-4t", "2B-4T", "paper", 54.19}, {"1bit-models", "2B-4T", "paper", 60.68}, {"b1.58-2t", "b1.58 3B", "paper", 74.34},
		{"b1.58-2t", "StableLM-3B", "paper", 73.22}, {"b1.58-zero-shot", "3B", "paper", 50.2}, {"b1.58-zero-shot", "700M", "1bitLLM", 44.5},
		{"bonsai", "Bonsai", "paper", 46.96}, {"falcon-e", "Falcon-E-1B-Instruct", "blog", 46.39}, {"falcon-e", "Falcon-E-3B-Instruct", "blog", 53.17},
		{"falcon-e", "2B-4T", "blog", 51.54}, {"falcon-e-v2", "Falcon-E-1B-Base", "blog", 13.40}, {"falcon-e-v2", "Falcon-E-3B-Base", "blog", 18.32},
		{"falcon-e-v2", "Falcon-E-1B-Instruct", "blog", 18.59}, {"falcon-e-v2", "Falcon-E-3B-Instruct", "blog", 22.65}, {"falcon-e-v2", "2B-4T", "blog", 17.70},
	} {
		table, err := Load(c.table)
		if err != nil {
			t.Fatal(err)
		}
		o := Outcome{}
		m := table.Find(c.row)
		for _, column := range table.Columns {
			cell := table.Cell(m, column)
			cell.Set(0.5, 0, 1)
			o.Cells = append(o.Cells, cell)
		}
		row := table.averages(&o)
		at := slices.Index(table.View(&o).Columns, c.source)
		if got, err := strconv.ParseFloat(row[at], 64); err != nil || math.Abs(got-c.want) > 0.051 {
			t.Errorf("%s, %s: the average is %q, the source says %g", c.table, c.row, row[at], c.want)
		}
	}
}

func TestViews(t *testing.T) {
	table := &Table{
		Title: "T", Sources: []Source{{"paper", "a paper"}, {"card", "a card"}}, Notes: []string{"a note"},
		Columns: []Column{{Title: "A", Task: "a", Metric: "acc,none"}, {Title: "B", Task: "b", Metric: "em,strict", NumFewshot: 4, Chat: true}, {Title: "C", Metric: "x", Absent: "no task"}, {Title: "D", Task: "d", Metric: "acc,none"}},
		Models:  []Model{{Name: "M", Published: map[string]map[string]float64{"paper": {"A": 50, "B": 10, "C": 3, "D": 1}, "card": {"A": 60}}}},
	}
	o := Outcome{Model: "mine", Beside: "M", Limit: 7}
	for _, c := range table.Columns {
		o.Cells = append(o.Cells, table.Cell(&table.Models[0], c))
	}
	o.Cells[0].Set(0.54, 0.02, 100)
	o.Cells[1].Set(0, 0, 7)
	o.Cells[3].NotMeasured = "not allowed"
	if off := o.Cells[0].Off; math.Abs(off["paper"]-2) > 1e-12 || math.Abs(off["card"]+3) > 1e-12 {
		t.Errorf("off by %v standard errors, want 2 and -3", off)
	}
	want := `| column | task | n-shot | metric | documents | measured | stderr | paper | off by, in stderrs | card | off by, in stderrs |
|---|---|---|---|---|---|---|---|---|---|---|
| A | a | 0 | acc | 100 | 54.00 | 2.00 | 50.00 | +2.0 | 60.00 | -3.0 |
| B | b | 4, chat | em,strict | 7 | 0.00 |  | 10.00 |  |  |  |
| C |  | 0 | x |  |  |  | 3.00 |  |  |  |
| D | d | 0 | acc |  |  |  | 1.00 |  |  |  |
| mean of these 2 |  |  |  |  | 27.00 |  | 30.00 |  |  |  |
`
	if got := table.View(&o).Markdown(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprintf("%q", (&Outcome{Cells: []Cell{{Column: Column{Title: "A"}, NotMeasured: "x"}, o.Cells[2], {Column: Column{Title: "E"}, NotMeasured: "x"}}}).NotMeasured()); got != `["not measured: A, E: x" "not measured: C: no task"]` {
		t.Errorf("reasons %s", got)
	}
	text := table.Markdown([]Outcome{o})
	for _, part := range []string{"# T\n", "* paper: a paper\n", "* a note\n", "## mine\n", "values of M, which are of all documents; here only the first 7 ", want, "\n* not measured: C: no task\n* not measured: D: not allowed\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
}
