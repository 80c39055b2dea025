package published

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/tasks"
)

func TestTablesNameTasksThatThereAre(t *testing.T) {
	known := map[string]eval.Task{}
	for _, task := range tasks.All() {
		known[task.Name] = task
	}
	for _, name := range Names() {
		table, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if table.Name != name || table.Title == "" || len(table.Sources) == 0 || len(table.Models) == 0 {
			t.Errorf("%s: %+v", name, table)
		}
		for _, c := range table.Columns {
			task, found := known[c.Task]
			if (c.Task == "") == (c.Absent == "") || c.Task != "" && !found {
				t.Errorf("%s: column %s: task %q, missing %q", name, c.Title, c.Task, c.Absent)
			}
			if found && !slices.Contains(metrics(&task), c.Metric) {
				t.Errorf("%s: %s is no metric of %s, which has %v", c.Title, c.Metric, c.Task, metrics(&task))
			}
			for _, m := range table.Models {
				if v := m.Published[table.Sources[0].Key][c.Title]; v <= 0 || v > 100 {
					t.Errorf("%s: %s has %g for %s", name, m.Name, v, c.Title)
				}
			}
		}
	}
	if _, err := Load("none"); err == nil || !strings.Contains(err.Error(), "2b-4t") {
		t.Errorf("no table: %v", err)
	}
}

// metrics are those of a task, with their filters.
func metrics(task *eval.Task) []string {
	var all []string
	for _, m := range task.Metrics {
		all = append(all, string(m)+",none")
	}
	for _, f := range task.Answers.Filters {
		all = append(all, string(task.Answers.Metric)+","+f.Name)
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
