package eval

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// grouped puts the tasks a and b of choices into groups: a and b into inner, and inner into outer.
func grouped(tasks []Task) []Task {
	outer := &Group{Name: "outer", Alias: "all", Version: "3", Metrics: []GroupMetric{{Metric: Acc}}}
	inner := &Group{Name: "inner", Metrics: []GroupMetric{{Metric: Acc, Filters: []string{"none", "strict"}}}}
	for i := range tasks {
		tasks[i].Groups = []*Group{outer, inner}
	}
	return tasks
}

func TestGroupsAreAboveTheirMembers(t *testing.T) {
	_, paths := choices(t)
	m, o := options(t, paths...)
	grouped(o.Tasks)
	r, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range r.Table().Rows {
		if row[0] != "" { // the first metric
			names = append(names, row[0]+"/"+row[1]+"/"+row[4])
		}
	}
	if want := []string{"all/3/8", " - inner/N/A/8", "  - a/0/4", "  - b/0/4"}; !reflect.DeepEqual(names, want) {
		t.Errorf("rows %q, want %q", names, want)
	}
	if r.Results["outer"]["acc,none"] != 1 || r.NSamples["outer"] != (Counts{8, 8}) {
		t.Errorf("outer: %v of %v", r.Results["outer"], r.NSamples["outer"])
	}
	if text := new(strings.Builder); r.WriteText(text) != nil || strings.Count(text.String(), "\nouter: 16 requests, 0 of them cached") != 1 {
		t.Errorf("the effort is not that of the group: %s", text)
	}
}

// The results of a group are of all its tasks, though some were measured before.
func TestGroupsCountKeptTasks(t *testing.T) {
	dir, paths := choices(t)
	m, o := options(t, paths...)
	tasks := grouped(o.Tasks)
	o.Out, o.Append = filepath.Join(dir, "out"), true
	for _, o.Tasks = range [][]Task{tasks[:1], tasks} {
		if _, err := Run(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(o.Out, resultsName))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups  map[string]map[string]any
		Members map[string][]string `json:"group_subtasks"`
		NShot   map[string]int      `json:"n-shot"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if g := file.Groups["outer"]; g["sample_len"] != 8. || g["acc_stderr,none"] != 0. || g["alias"] != "all" {
		t.Errorf("outer: %v", g)
	}
	if m := file.Members; !reflect.DeepEqual(m["outer"], []string{"inner"}) || !reflect.DeepEqual(m["inner"], []string{"a", "b"}) {
		t.Errorf("members %v", m)
	}
	if _, ok := file.NShot["outer"]; !ok {
		t.Errorf("n-shot %v", file.NShot)
	}
}

func TestGroupsAreMeans(t *testing.T) {
	tasks := []measured{
		{metrics: Metrics{"acc,none": 0.5, "acc_stderr,none": 0.1, "acc,strict": 1}, counts: Counts{Effective: 10}},
		{metrics: Metrics{"acc,none": 0.25, "acc_stderr,none": 0.2}, counts: Counts{Effective: 30}},
	}
	pooled := math.Sqrt((9*0.1*0.1*10 + 29*0.2*0.2*30) / 38 / 40)
	for _, c := range []struct {
		once bool
		mean float64
	}{{false, 0.3125}, {true, 0.375}} {
		g := groupResult{member: member{group: &Group{Metrics: []GroupMetric{{Metric: Acc, EachOnce: c.once}, {Metric: AccNorm}}}}}
		g.aggregate(tasks)
		if g.metrics["acc,none"] != c.mean || math.Abs(g.metrics["acc_stderr,none"]-pooled) > 1e-15 || g.metrics["acc,strict"] != 1 {
			t.Errorf("each once %v: %v, want %g and %g", c.once, g.metrics, c.mean, pooled)
		}
		if _, ok := g.metrics["acc_stderr,strict"]; ok || len(g.metrics) != 3 {
			t.Errorf("metrics %v", g.metrics)
		}
	}
}

func TestGroupsWithNamesOfTasks(t *testing.T) {
	_, paths := choices(t)
	m, o := options(t, paths...)
	o.Tasks[0].Groups = []*Group{{Name: "b"}}
	if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), `the group "b" has the name of a task`) {
		t.Errorf("a group with the name of a task: %v", err)
	}
	o.Tasks[0].Groups, o.Tasks[1].Groups = []*Group{{Name: "x"}, {Name: "y"}}, []*Group{{Name: "y"}}
	if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "another group") {
		t.Errorf("two groups of one name: %v", err)
	}
}
