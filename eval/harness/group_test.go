package harness

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
)

const member = "include: part_yaml\ntask: %s\n"

// folder holds two groups, of which one is in the other, a tag and four tasks.
var folder = map[string]string{
	"part_yaml": "dataset_path: a/b\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\ntag: [odd, all]\n",
	"one.yaml":  fmt.Sprintf(member, "one"), "deep/two.yaml": strings.Replace(fmt.Sprintf(member, "two"), "part", "../part", 1) + "tag: even\n",
	"deep/three.yaml": strings.Replace(fmt.Sprintf(member, "three"), "part", "../part", 1),
	"inner.yaml": "group: inner\ngroup_alias: Inside\ntask: [odd]\nnum_fewshot: 2\naggregate_metric_list:\n  metric: acc\n" +
		"  weight_by_size: false\n",
	"outer.yaml": `
group: outer
task:
  - inner
  - task: two
    task_alias: second
  - {task: own, dataset_path: c/d, test_split: test, doc_to_text: q, doc_to_target: a}
  - {group: more, task: [builtin], aggregate_metric_list: [{metric: acc, filter_list: x}]}
aggregate_metric_list:
  - {metric: exact_match, aggregation: mean, weight_by_size: true, filter_list: [none, y]}
metadata: {version: 2.0}
`,
}

// builtin has one task.
func builtin(name string) []eval.Task {
	if name != "builtin" {
		return nil
	}
	return []eval.Task{{Name: name}}
}

// shownTasks are names, aliases, examples and groups of tasks.
func shownTasks(tasks []eval.Task) string {
	var out []string
	for _, t := range tasks {
		s := fmt.Sprint(t.Name, t.Alias, t.Fewshot.Count)
		for _, g := range t.Groups {
			s += " " + g.Name
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestGroups(t *testing.T) {
	dir := evaltest.Write(t, folder)
	tasks, err := Read(filepath.Join(dir, "outer.yaml"), builtin)
	const want = "one2 outer inner, three2 outer inner, twosecond0 outer, outer::own0 outer, builtin0 outer outer::more"
	if got := shownTasks(tasks); err != nil || got != want {
		t.Fatalf("%s and %v, want %s", got, err, want)
	}
	outer, inner, more := tasks[0].Groups[0], tasks[0].Groups[1], tasks[4].Groups[1]
	if got := fmt.Sprintf("%+v", outer.Metrics); got != "[{Metric:exact_match Filters:[none y] EachOnce:false}]" || outer.Version != "2.0" {
		t.Errorf("outer has %s, version %s", got, outer.Version)
	}
	if got := fmt.Sprintf("%+v", inner.Metrics); got != "[{Metric:acc Filters:[] EachOnce:true}]" || inner.Alias != "Inside" {
		t.Errorf("inner has %s, alias %s", got, inner.Alias)
	}
	if got := fmt.Sprintf("%+v", more.Metrics); got != "[{Metric:acc Filters:[x] EachOnce:false}]" {
		t.Errorf("more has %s", got)
	}
	if tasks[0].Test.Hub != "a/b" || tasks[3].Test.Hub != "c/d" {
		t.Errorf("the sets are %s and %s", tasks[0].Test.Hub, tasks[3].Test.Hub)
	}
}

func TestNamesInAFolder(t *testing.T) {
	dir := evaltest.Write(t, folder)
	for name, want := range map[string]string{
		"odd": "one0, three0", "even": "two0", "two": "two0", "inner": "one2 inner, three2 inner",
	} {
		if tasks, err := Find(dir, name, nil); err != nil || shownTasks(tasks) != want {
			t.Errorf("%s: %s and %v, want %s", name, shownTasks(tasks), err, want)
		}
	}
	if _, err := Find(dir, "none", nil); err == nil || !strings.Contains(err.Error(), `a tag "none"`) {
		t.Errorf("no such name: %v", err)
	}
}

func TestGroupsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"group: g\ntask: [one, one]":                          "the task one comes twice",
		"group: g\ntask: [g]":                                 "a member of itself",
		"group: g\ntask: []":                                  "a list of members",
		"group: g\ntask: one":                                 "a list of members",
		"group: g\ntask: [1]":                                 "names and mappings",
		"group: g\ntask: [nobody]":                            `has the name "nobody"`,
		"group: g\ntask: [{task: builtin, num_fewshot: 3}]":   "the key num_fewshot is not read",
		"group: g\ntask: [{num_fewshot: 3}]":                  "task is null",
		"group: g\ntask: [one]\nnum_fewshot: x":               "num_fewshot",
		"group: g\ntask: [one]\naggregate_metric_list: [acc]": "a mapping with the key metric",
		"group: g\ntask: [one]\naggregate_metric_list: {metric: acc, aggregation: f1}":   "want mean",
		"group: g\ntask: [one]\naggregate_metric_list: {metric: acc, weight: 1}":         "the key weight",
		"group: g\ntask: [one]\naggregate_metric_list: {metric: acc, weight_by_size: 1}": "want true or false",
		"group: a/b\ntask: [one]":   "without slashes",
		"group: g\ntask: [program]": "written in Python",
	} {
		files := map[string]string{"g.yaml": text, "program.yaml": "task: program\nclass: !function x.Y\n"}
		for name, file := range folder {
			files[name] = file
		}
		if tasks, err := Read(filepath.Join(evaltest.Write(t, files), "g.yaml"), builtin); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s and error %v, want %q", text, shownTasks(tasks), err, want)
		}
	}
}

// A tag is not read where a file is broken, for that may have the tag too.
func TestTagBesideABrokenFile(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{"a.yaml": "task: a\ntag: t\n", "b.yaml": "task: ["})
	if _, err := Find(dir, "t", nil); err == nil || !strings.Contains(err.Error(), "b.yaml") {
		t.Error(err)
	}
}
