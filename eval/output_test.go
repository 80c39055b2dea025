package eval

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
)

// choices are two tasks of the same four documents.
func choices(t *testing.T) (dir string, paths []string) {
	rows := strings.Repeat(`{"q":"aa","c":["b","c"],"g":0}`+"\n", 4)
	dir = evaltest.Write(t, map[string]string{
		"q.jsonl": rows, "a.json": `{"name":"a","data":"q.jsonl","context":"{q}","choices":"c","gold":"g"}`,
		"b.json": `{"name":"b","data":"q.jsonl","context":"{q}","choices":"c","gold":"g"}`,
	})
	return dir, []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")}
}

func TestResultsAreNotLost(t *testing.T) {
	dir, paths := choices(t)
	m, o := options(t, paths[0])
	o.Out = filepath.Join(dir, "out")
	if _, err := Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(filepath.Join(o.Out, resultsName))
	m.Inputs = nil
	if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "out holds results: results.json") || len(m.Inputs) > 0 {
		t.Errorf("again: %d requests, error %v", len(m.Inputs), err)
	}
	o.Append = true
	o.Limit = 2
	if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "have config.limit null: now it is 2") || len(m.Inputs) > 0 {
		t.Errorf("another limit: %d requests, error %v", len(m.Inputs), err)
	}
	o.Limit = 0
	r, err := Run(t.Context(), m, o)
	if err != nil || len(m.Inputs) > 0 || len(r.Kept) != 1 || !strings.Contains(r.Kept[0], "a: its results are in "+o.Out+" already (4 documents, 0-shot)") {
		t.Errorf("nothing new: %d requests, %v, error %v", len(m.Inputs), r, err)
	}
	if after, err := os.ReadFile(filepath.Join(o.Out, resultsName)); err != nil || string(after) != string(before) {
		t.Errorf("the results became %s, %v", after, err)
	}
}

// A run that stops leaves the results of its requests beside those to come.
func TestARunGoesOnInItsFolder(t *testing.T) {
	dir, task := manyChoices(t, 20)
	m, o := options(t, task)
	o.Out, o.Batch = filepath.Join(dir, "whole"), 4
	if _, err := Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	o.Out, o.Fingerprint = filepath.Join(dir, "stopped"), "model 1"
	left := filepath.Join(o.Out, requestsName)
	if _, err := Run(t.Context(), &stopping{m, 3}, o); err == nil || !isFile(left) {
		t.Fatalf("error %v, requests are left: %v", err, isFile(left))
	}
	if err := os.WriteFile(filepath.Join(o.Out, "samples_many.jsonl"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Inputs, o.Batch = nil, 0
	r, err := Run(t.Context(), m, o)
	if err != nil || r.Effort["many"].Cached < 12 || len(m.Inputs) != 40-r.Effort["many"].Cached {
		t.Fatalf("%d requests asked, %v, error %v", len(m.Inputs), r, err)
	}
	if isFile(left) || outputs(t, o.Out) != outputs(t, filepath.Join(dir, "whole")) {
		t.Errorf("requests are left: %v; or the results are others", isFile(left))
	}
	if _, err := Run(t.Context(), m, o); err == nil {
		t.Error("results are measured again")
	}
}

func TestResultsAreAdded(t *testing.T) {
	dir, paths := choices(t)
	both := filepath.Join(dir, "both")
	m, o := options(t, paths...)
	o.Out = both
	if _, err := Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	tasks := o.Tasks
	o.Out, o.Append = filepath.Join(dir, "added"), true
	for _, o.Tasks = range [][]Task{tasks[:1], tasks} {
		if _, err := Run(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
	}
	read := func(dir string) (r map[string]any) {
		b, err := os.ReadFile(filepath.Join(dir, resultsName))
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got, want := read(o.Out), read(both)
	for _, key := range append([]string{"model_name", "config"}, taskKeys...) {
		a, _ := json.Marshal(got[key])
		b, _ := json.Marshal(want[key])
		if string(a) != string(b) {
			t.Errorf("%s is %s, want %s", key, a, b)
		}
	}
	own := got["trit"].(map[string]any)
	if n := len(own["effort"].(map[string]any)); n != 2 {
		t.Errorf("the effort of %d tasks, want 2", n)
	}
	if c, err := Compare(o.Out, both); err != nil || len(c.Rows) != 4 || len(c.Only) != 0 || c.Rows[0].Documents != 4 {
		t.Errorf("%+v, %v", c, err)
	}
	o.ModelName, o.Tasks = "another", tasks
	os.Remove(filepath.Join(o.Out, "samples_b.jsonl"))
	if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "have model_name") {
		t.Errorf("another model: error %v", err)
	}
}

// Results that are replaced leave no samples of theirs.
func TestResultsAreReplaced(t *testing.T) {
	dir, paths := choices(t)
	m, o := options(t, paths...)
	o.Out = filepath.Join(dir, "out")
	tasks := o.Tasks
	for _, o.Tasks = range [][]Task{tasks, tasks[1:]} {
		if _, err := Run(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
		o.Replace = true
	}
	if left, _ := filepath.Glob(filepath.Join(o.Out, "*")); len(left) != 2 {
		t.Errorf("%v, want results.json and samples_b.jsonl", left)
	}
}

func TestOutIsChecked(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{"samples_a.jsonl": "", "bad/results.json": `{"a":1}`})
	for want, o := range map[string]Options{
		"it needs Options.Out":                          {Append: true},
		"holds results: samples_a.jsonl":                {Out: dir},
		"samples_a.jsonl is there, but no results.json": {Out: dir, Append: true},
	} {
		if err := o.CheckOut(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := openOutput(&Options{Out: filepath.Join(dir, "bad"), Append: true}); err == nil || !strings.Contains(err.Error(), `no "results"`) {
		t.Errorf("error %v", err)
	}
}

// Of the harness's dated results the newest are taken, with their own samples.
func TestNewestResultsOfTheHarness(t *testing.T) {
	sample := func(acc string) string {
		return `{"doc_id": 0, "filter": "none", "metrics": ["acc"], "acc": ` + acc + `, "doc_hash": "h0"}` + "\n"
	}
	dir := evaltest.Write(t, map[string]string{
		"org__z/results_2026-01-02T10-00-00.json":    `{"results": {"x": {"acc,none": 1}}}`,
		"org__z/results_2026-01-01T10-00-00.json":    `{"results": {"x": {"acc,none": 0}}}`,
		"org__z/samples_x_2026-01-01T10-00-00.jsonl": sample("0"),
		"org__z/samples_x_2026-01-03T10-00-00.jsonl": sample("0"),
	})
	e, err := Open(dir)
	if err != nil || e.results["x"]["acc,none"] != 1 || len(e.samples) != 0 {
		t.Errorf("%+v, %v: want the results of 2 January, which have no samples", e, err)
	}
	writeFile := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	writeFile("org__z/samples_x_2026-01-02T10-00-00.jsonl", sample("1"))
	if e, err := Open(dir); err != nil || e.samples["x"]["acc,none"][0].value != 1 {
		t.Errorf("%+v, %v: want the samples of 2 January", e, err)
	}
	writeFile("org__a/results_2026-01-04T10-00-00.json", `{"results": {"x": {"acc,none": 1}}}`)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "results of several models") {
		t.Errorf("two models: %v", err)
	}
}
