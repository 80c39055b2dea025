package eval

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
)

// results is a folder with the results of a task with n documents, of which the first
// right ones are right, and those of extra too.
func results(t *testing.T, n, right int, extra ...int) string {
	var samples strings.Builder
	score, total := make([]int, n), 0
	for i := range right {
		score[i] = 1
	}
	for _, i := range extra {
		score[i] = 1
	}
	for i, s := range score {
		total += s
		fmt.Fprintf(&samples, `{"doc_id": %d, "doc_hash": "h%d", "filter": "none", "metrics": ["acc"], "acc": %d.0}`+"\n", i, i, s)
	}
	p := float64(total) / float64(n)
	return evaltest.Write(t, map[string]string{
		"results.json":    fmt.Sprintf(`{"results": {"x": {"alias": "x", "acc,none": %g, "acc_stderr,none": %g}}}`, p, math.Sqrt(p*(1-p)/float64(n-1))),
		"samples_x.jsonl": samples.String(),
	})
}

func TestCompare(t *testing.T) {
	a, b := results(t, 40, 10), results(t, 40, 10, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
	c, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Rows[0]
	if d.A != 0.25 || d.B != 0.5 || d.Test != "McNemar" || d.BetterA != 0 || d.BetterB != 10 || math.Abs(d.P-2./1024) > 1e-12 || d.Documents != 40 {
		t.Errorf("%+v", d)
	}
	var text strings.Builder
	if err := c.Table().WriteText(&text); err != nil || !strings.Contains(text.String(), "*") || !strings.Contains(text.String(), "+0.2500") {
		t.Errorf("%s, %v", &text, err)
	}
}

// Without the samples of both the results are taken for independent.
func TestCompareUnpaired(t *testing.T) {
	a, b := results(t, 40, 10), results(t, 50, 25)
	c, err := Compare(filepath.Join(a, "results.json"), b)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Rows[0]
	stderr := math.Sqrt(0.25*0.75/39 + 0.5*0.5/49)
	if d.Test != "unpaired z" || math.Abs(d.Stderr-stderr) > 1e-5 || math.Abs(d.P-math.Erfc(0.25/stderr/math.Sqrt2)) > 1e-4 {
		t.Errorf("%+v, want the standard error %g", d, stderr)
	}
}

func TestCompareReadsTheHarness(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
		"org__model/results_2026-08-21T10-00-00.json":    `{"results": {"x": {"acc,none": 0.5, "acc_stderr,none": "N/A"}}}`,
		"org__model/samples_x_2026-08-21T10-00-00.jsonl": `{"doc_id": 0, "filter": "none", "metrics": ["acc"], "acc": 1.0, "doc_hash": "h0"}` + "\n" + `{"doc_id": 1, "filter": "none", "metrics": ["acc"], "acc": 0.0, "doc_hash": "h1"}` + "\n",
	})
	c, err := Compare(dir, results(t, 2, 2))
	if err != nil || c.Rows[0].Test != "McNemar" || c.Rows[0].BetterB != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCompareReportsOfPerplexity(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{"q.jsonl": `{"t":"abc"}` + "\n" + `{"t":"bcd e"}` + "\n" + `{"t":"x"}` + "\n", "t.json": `{"name":"p","data":"q.jsonl","text":"{t}"}`})
	m, o := options(t, filepath.Join(dir, "t.json"))
	a, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	nats := (256 + 97 + 98 + 99 + 256 + 98 + 99 + 100 + 32 + 101 + 256 + 120) / 100. // the fake model's, BOS and all
	got := a.Results["p"]
	for name, want := range map[string]float64{"word_perplexity,none": math.Exp(nats / 4), "byte_perplexity,none": math.Exp(nats / 9), "bits_per_byte,none": nats / 9 / math.Ln2} {
		if math.Abs(got[name]/want-1) > 1e-12 {
			t.Errorf("%s is %g, want %g", name, got[name], want)
		}
	}
	c, err := CompareReports(a, a)
	if err != nil || len(c.Rows) != 3 || c.Rows[0].P != 1 || !strings.HasPrefix(string(c.Rows[0].Test), "paired z") {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCompareRefuses(t *testing.T) {
	good := results(t, 4, 2)
	for want, dir := range map[string]string{
		"no results.json":     t.TempDir(),
		"want a results file": evaltest.Write(t, map[string]string{"results.json": `{"a": 1}`}),
		"results.json":        evaltest.Write(t, map[string]string{"results.json": `{`}),
		"no task in common":   evaltest.Write(t, map[string]string{"results.json": `{"results": {"y": {"acc,none": 1}}}`}),
		"want a sample":       evaltest.Write(t, map[string]string{"results.json": `{"results": {"x": {"acc,none": 1}}}`, "samples_x.jsonl": "{}\n"}),
		"no such file":        "/no/such/place",
	} {
		if _, err := Compare(good, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// Of documents in clusters, the test by clusters is Student's of the sums of the clusters' differences;
// what was asked otherwise is said.
func TestCompareByClusterAndWarns(t *testing.T) {
	folder := func(shots int, prompt string, right ...int) string {
		var samples strings.Builder
		for i, v := range right {
			fmt.Fprintf(&samples, `{"doc_id": %d, "doc_hash": "h%d", "prompt_hash": "%s", "cluster": "c%d", "filter": "none", "metrics": ["acc"], "acc": %d.0}`+"\n", i, i, prompt, i/2, v)
		}
		return evaltest.Write(t, map[string]string{
			"results.json":    fmt.Sprintf(`{"n-shot": {"x": %d}, "config": {"fewshot_seed": %d}, "results": {"x": {"acc,none": 0.5}}}`, shots, shots),
			"samples_x.jsonl": samples.String(),
		})
	}
	c, err := Compare(folder(0, "p", 0, 0, 0, 0, 1, 0), folder(5, "q", 1, 1, 0, 1, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	d := c.Rows[0]
	want := math.Sqrt(3./2*(1+0+1)) / 6 // sums 2, 1, 0, less 1 each
	if d.Clusters != 3 || math.Abs(d.ClusteredStderr-want) > 1e-12 || d.ClusteredP < 0.05 || d.ClusteredP > 0.3 || d.Least < want {
		t.Errorf("%+v, want the standard error %g", d, want)
	}
	if got := strings.Join(c.Warnings, "\n"); got != "seeds of examples differ: A 0, B 5\nx: numbers of examples differ: A 0, B 5\nx: the prompts of 6 of 6 documents differ" {
		t.Error(got)
	}
	if same, err := Compare(folder(0, "p", 1, 0), folder(0, "p", 0, 0)); err != nil || len(same.Warnings) != 0 {
		t.Errorf("%+v, %v", same, err)
	}
}

// groupOf is a folder with the results of five tasks of 2, 3, 4, 5 and 6 documents, in two groups inside a third, whose mean
// counts the tasks by their documents or each once.
func groupOf(t *testing.T, once bool, right func(task, document int) bool) string {
	files, total, documents := map[string]string{}, 0.0, 0.0
	var results []string
	for task := range 5 {
		name, samples, acc, n := fmt.Sprintf("x_%d", task), "", 0.0, task+2
		for i := range n {
			v := truth(right(task, i))
			acc += v / float64(n)
			samples += fmt.Sprintf(`{"doc_id": %d, "doc_hash": "h%d", "filter": "none", "metrics": ["acc"], "acc": %g}`+"\n", i, i, v)
		}
		files["samples_"+name+".jsonl"] = samples
		results = append(results, fmt.Sprintf(`%q: {"acc,none": %v, "acc_stderr,none": 0.1}`, name, acc))
		weight := float64(n)
		if once {
			weight = 1
		}
		total, documents = total+weight*acc, documents+weight
	}
	for _, group := range []string{"x", "x_odd", "x_even"} {
		results = append(results, fmt.Sprintf(`%q: {"acc,none": %v, "acc_stderr,none": 0.1}`, group, total/documents))
	}
	files["results.json"] = `{"group_subtasks": {"x": ["x_odd", "x_even"], "x_odd": ["x_1", "x_3"], "x_even": ["x_0", "x_2", "x_4"],
		"x_0": [], "x_1": [], "x_2": [], "x_3": [], "x_4": []}, "results": {` + strings.Join(results, ",") + "}}"
	return evaltest.Write(t, files)
}

// The documents of a group are paired over all of its tasks, with the group's own weights, and the tasks are clusters.
func TestCompareGroups(t *testing.T) {
	none := func(int, int) bool { return false }
	some := func(task, i int) bool { return i < task } // 0/2, 1/3, 2/4, 3/5, 4/6
	for _, once := range []bool{false, true} {
		c, err := Compare(groupOf(t, once, none), groupOf(t, once, some))
		if err != nil {
			t.Fatal(err)
		}
		d := c.Rows[0]
		shares, weights, total := []float64{0, 1. / 3, 0.5, 0.6, 2. / 3}, []float64{2, 3, 4, 5, 6}, 20.0
		test, p := McNemar, 2/math.Pow(2, 10)
		if once {
			weights, total = []float64{1, 1, 1, 1, 1}, 5
		}
		mean, byDocument, bySubject, squares := 0.0, 0.0, 0.0, 0.0
		for i, w := range weights {
			mean += w / total * shares[i]
			byDocument += w / total * w / total * shares[i] * (1 - shares[i]) / float64(i+1) // s²/n of a share
			squares += w / total * w / total
		}
		for i, w := range weights {
			bySubject += math.Pow(w/total*(shares[i]-mean), 2) / (1 - 2*w/total + squares)
		}
		if once {
			test, p = PairedZ, math.Erfc(mean/math.Sqrt(byDocument)/math.Sqrt2)
		}
		if d.Task != "x" || d.Test != test || d.Documents != 20 || d.BetterA != 0 || d.BetterB != 10 || d.Clusters != 5 {
			t.Errorf("once %v: %+v", once, d)
		}
		for what, pair := range map[string][2]float64{
			"p": {d.P, p}, "stderr": {d.Stderr, math.Sqrt(byDocument)}, "by subject": {d.ClusteredStderr, math.Sqrt(bySubject)},
			"difference": {d.B - d.A, mean},
		} {
			if math.Abs(pair[0]-pair[1]) > 1e-9 {
				t.Errorf("once %v: %s is %g, want %g", once, what, pair[0], pair[1])
			}
		}
	}
	// A mean that is neither of the two, other documents, and tasks that a group lacks leave it unpaired.
	c, err := Compare(groupOf(t, false, some), groupOf(t, true, some))
	if err != nil || c.Rows[0].Test != UnpairedZ {
		t.Errorf("%+v, %v", c.Rows[0], err)
	}
	c, err = Compare(groupOf(t, false, none), results(t, 20, 5))
	if err != nil || c.Rows[0].Test != UnpairedZ {
		t.Errorf("%+v, %v", c.Rows[0], err)
	}
}
