package eval

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"trit/eval/statistics"
)

// Comparison is how two evaluations differ, metric by metric, sorted by task.
type Comparison struct {
	A    string       `json:"a"` // names
	B    string       `json:"b"`
	Rows []Difference `json:"differences"`
	Only []string     `json:"only"` // results that only one of the two has
	// Warnings say what the two were asked in another way.
	Warnings []string `json:"warnings"`
}

// Difference is how two evaluations differ in one metric of one task.
type Difference struct {
	Task      string  `json:"task"`
	Metric    string  `json:"metric"` // "acc,none"
	A         float64 `json:"a"`
	B         float64 `json:"b"`
	Stderr    float64 `json:"stderr"`    // of B-A; 0 if there is none
	P         float64 `json:"p"`         // probability of such a difference, or a larger one, by chance alone
	Test      Test    `json:"test"`      // which gave P
	Documents int     `json:"documents"` // number of documents that both were asked, for paired tests
	BetterA   int     `json:"better_a"`  // number of documents on which A is better
	BetterB   int     `json:"better_b"`
	// Clusters of documents, where some belong together; ClusteredStderr and ClusteredP are by these.
	Clusters        int     `json:"clusters,omitempty"`
	ClusteredStderr float64 `json:"clustered_stderr,omitempty"`
	ClusteredP      float64 `json:"clustered_p,omitempty"`
	// Least is the least difference that so many documents show at two-sided 5 % with a power of 80 %, and
	// Needed the number of documents with which the difference that was seen would be shown so; 0 if
	// unknown, or of no difference.
	Least  float64 `json:"least_difference,omitempty"`
	Needed float64 `json:"documents_needed,omitempty"`
}

// Test is a statistical test of a difference.
type Test string

// The tests.
const (
	NoTest      Test = ""
	McNemar     Test = "McNemar"  // exact, of documents that are right or wrong
	PairedZ     Test = "paired z" // of the mean difference of documents
	PairedZNats Test = "paired z of log-likelihoods"
	UnpairedZ   Test = "unpaired z" // of two results, as if they were independent
)

// Compare compares two evaluations, each a folder of results or a results file, of Trit or of
// the harness. It pairs documents if the samples of both evaluations are there.
func Compare(a, b string) (*Comparison, error) {
	x, err := Open(a)
	if err != nil {
		return nil, err
	}
	y, err := Open(b)
	if err != nil {
		return nil, err
	}
	return compare(x, y)
}

// CompareReports compares two reports. It pairs their documents.
func CompareReports(a, b *Report) (*Comparison, error) {
	x, errX := a.evaluation()
	y, errY := b.evaluation()
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	return compare(x, y)
}

func compare(a, b *Evaluation) (*Comparison, error) {
	c := &Comparison{A: a.name, B: b.name, Warnings: a.Differences(b)}
	for _, task := range sortedKeys(a.results, b.results) {
		for _, metric := range sortedKeys(a.results[task], b.results[task]) {
			if !strings.Contains(metric, "_stderr,") {
				c.add(a, b, task, metric)
			}
		}
	}
	if len(c.Rows) == 0 {
		return nil, fmt.Errorf("%s and %s have no task in common", a.name, b.name)
	}
	return c, nil
}

// add compares one metric of a task.
func (c *Comparison) add(a, b *Evaluation, task, metric string) {
	x, inA := a.results[task][metric]
	y, inB := b.results[task][metric]
	if !inA || !inB {
		owner := a.name
		if inB {
			owner = b.name
		}
		c.Only = append(c.Only, fmt.Sprintf("%s %s: only %s", task, metric, owner))
		return
	}
	d := Difference{Task: task, Metric: metric, A: x, B: y, P: 1}
	if !d.paired(a.samples[task][metric], b.samples[task][metric]) {
		name, filter, _ := strings.Cut(metric, ",")
		stderr := name + "_stderr," + filter
		n := min(a.Counts[task].Effective, b.Counts[task].Effective)
		d.unpaired(a.results[task][stderr], b.results[task][stderr], n)
	}
	c.Rows = append(c.Rows, d)
}

func sortedKeys[V any](maps ...map[string]V) []string {
	var keys []string
	for _, m := range maps {
		for k := range m {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// paired tests the differences of the documents: by McNemar's exact test if each document is
// right or wrong, else by their mean over its standard error. It returns false, and tests
// nothing, if A and B were not asked the same documents.
func (d *Difference) paired(a, b map[int]sampleValue) bool {
	if len(a) < 2 || len(a) != len(b) {
		return false
	}
	var differences column
	binary, nats, clustered := true, false, false
	for _, id := range slices.Sorted(maps.Keys(a)) {
		x, y := a[id], b[id]
		if _, ok := b[id]; !ok || x.hash != y.hash {
			return false
		}
		nats, clustered = nats || x.nats, clustered || x.cluster != "" && x.cluster == y.cluster
		binary = binary && !nats && x.weight == 1 && (x.value == 0 || x.value == 1) && (y.value == 0 || y.value == 1)
		switch {
		case y.value > x.value:
			d.BetterB++
		case y.value < x.value:
			d.BetterA++
		}
		x.value = y.value - x.value
		differences.add(x)
	}
	d.Documents = len(differences.values)
	d.test(&differences, binary, nats)
	if clustered {
		d.testClusters(&differences)
	}
	return true
}

// test sets the test of documents that do not depend on each other.
func (d *Difference) test(c *column, binary, nats bool) {
	mean, stderr := statistics.Mean(c.values)
	d.Stderr = stderr
	switch {
	case binary:
		d.Test, d.P = McNemar, statistics.McNemar(d.BetterA, d.BetterB)
		discordant := float64(d.BetterA+d.BetterB) / float64(d.Documents)
		d.show(statistics.LeastMcNemar(d.Documents, discordant), statistics.NeededMcNemar(d.B-d.A, discordant))
		return
	case nats: // the test is of log-likelihoods, the standard error of the metric that is made of them
		d.Test, d.P = PairedZNats, statistics.NormalP(mean, stderr)
		d.Stderr = statistics.Ratio(c.values, c.weights, nil).Stderr * slope(d.Metric, math.Sqrt(d.A*d.B))
	default:
		r := statistics.Ratio(c.values, c.weights, nil) // the mean, unless a document gives several values
		d.Test, d.P, d.Stderr = PairedZ, statistics.NormalP(r.Value, r.Stderr), r.Stderr
	}
	if !(d.Stderr < math.MaxFloat64) { // of a perplexity without bounds
		d.Stderr = 0
		return
	}
	d.show(statistics.Least(d.Stderr, d.Documents), statistics.Needed(d.B-d.A, d.Stderr, d.Documents))
}

// testClusters tests by clusters of documents. What the documents can show is by them then, too.
func (d *Difference) testClusters(c *column) {
	r := statistics.Ratio(c.values, c.weights, c.clusters)
	if r.Clusters < 2 {
		return
	}
	d.Clusters, d.ClusteredP = r.Clusters, statistics.StudentP(r.Value, r.Stderr, float64(r.Clusters-1))
	if stderr := r.Stderr * slope(d.Metric, math.Sqrt(d.A*d.B)); stderr > 0 && stderr < math.MaxFloat64 {
		d.ClusteredStderr = stderr
		d.show(statistics.Least(d.ClusteredStderr, r.Clusters), statistics.Needed(d.B-d.A, d.ClusteredStderr, d.Documents))
	}
}

// show sets what the documents can show; JSON has no number for what no number of documents shows.
func (d *Difference) show(least, needed float64) {
	d.Least, d.Needed = least, needed
	if math.IsInf(needed, 0) || math.IsNaN(needed) {
		d.Needed = 0
	}
}

// unpaired tests the difference of two results of at least n documents as if they were independent.
func (d *Difference) unpaired(a, b float64, n int) {
	if a == 0 && b == 0 {
		return
	}
	d.Stderr = math.Hypot(a, b)
	d.Test, d.P = UnpairedZ, statistics.NormalP(d.B-d.A, d.Stderr)
	if n > 1 {
		d.show(statistics.Least(d.Stderr, n), statistics.Needed(d.B-d.A, d.Stderr, n))
	}
}

// Table shows the differences. A star marks those with P below 0.05, by clusters too where there
// are any.
func (c *Comparison) Table() Table {
	t := Table{Columns: []string{
		"task", "metric", "A", "B", "B - A", "stderr", "p", "", "test", "documents", "A better", "B better",
		"by cluster: stderr", "p", "least shown", "documents needed",
	}}
	for i := range c.Rows {
		t.Rows = append(t.Rows, c.Rows[i].row())
	}
	return t
}

func (d *Difference) row() []string {
	some := func(shown bool, format string, v any) string {
		if !shown {
			return ""
		}
		return fmt.Sprintf(format, v)
	}
	star := some(d.Test != NoTest && max(d.P, d.ClusteredP) < 0.05, "%s", "*")
	return []string{
		d.Task, strings.TrimSuffix(d.Metric, ",none"),
		fmt.Sprintf("%.4f", d.A), fmt.Sprintf("%.4f", d.B), fmt.Sprintf("%+.4f", d.B-d.A),
		some(d.Stderr > 0, "%.4f", d.Stderr), some(d.Test != NoTest, "%.3g", d.P), star, string(d.Test),
		some(d.Documents > 0, "%d", d.Documents), some(d.Documents > 0, "%d", d.BetterA),
		some(d.Documents > 0, "%d", d.BetterB), some(d.Clusters > 0, "%.4f", d.ClusteredStderr),
		some(d.Clusters > 0, "%.3g", d.ClusteredP), some(d.Least > 0, "%.4f", d.Least), some(d.Needed > 0, "%.0f", d.Needed),
	}
}
