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
	if !d.paired(a.samples[task][metric], b.samples[task][metric]) && !d.pairedGroup(a, b) {
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

// pairs are the differences of documents that two evaluations were both asked.
type pairs struct {
	column
	betterA, betterB int
	binary           bool // each document is right or wrong
	nats, clustered  bool
}

// pair returns false if A and B were not asked the same documents.
func pair(a, b map[int]sampleValue) (p pairs, same bool) {
	p.binary = true
	for _, id := range slices.Sorted(maps.Keys(a)) {
		x, y := a[id], b[id]
		if _, ok := b[id]; !ok || x.hash != y.hash {
			return p, false
		}
		p.nats, p.clustered = p.nats || x.nats, p.clustered || x.cluster != "" && x.cluster == y.cluster
		p.binary = p.binary && !p.nats && x.weight == 1 && (x.value == 0 || x.value == 1) && (y.value == 0 || y.value == 1)
		switch {
		case y.value > x.value:
			p.betterB++
		case y.value < x.value:
			p.betterA++
		}
		x.value = y.value - x.value
		p.add(x)
	}
	return p, len(a) > 0 && len(a) == len(b)
}

// paired tests the differences of the documents: by McNemar's exact test if each document is
// right or wrong, else by their mean over its standard error. It returns false, and tests
// nothing, if A and B were not asked the same documents.
func (d *Difference) paired(a, b map[int]sampleValue) bool {
	p, same := pair(a, b)
	if !same || len(p.values) < 2 {
		return false
	}
	d.Documents, d.BetterA, d.BetterB = len(p.values), p.betterA, p.betterB
	d.test(&p.column, p.binary, p.nats)
	if p.clustered {
		r := statistics.Ratio(p.values, p.weights, p.clusters)
		d.testClusters(r, float64(r.Clusters-1))
	}
	return true
}

// test sets the test of documents that do not depend on each other.
func (d *Difference) test(c *column, binary, nats bool) {
	mean, stderr := statistics.Mean(c.values)
	d.Stderr = stderr
	switch {
	case binary:
		d.testDiscordant()
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
	d.show(statistics.Least(d.Stderr, float64(d.Documents-1)), statistics.Needed(d.B-d.A, d.Stderr, d.Documents))
}

// testDiscordant tests by the documents that A or B alone has right.
func (d *Difference) testDiscordant() {
	d.Test, d.P = McNemar, statistics.McNemar(d.BetterA, d.BetterB)
	discordant := float64(d.BetterA+d.BetterB) / float64(d.Documents)
	d.show(statistics.LeastMcNemar(d.Documents, discordant), statistics.NeededMcNemar(d.B-d.A, discordant))
}

// testClusters tests by clusters of documents. What the documents can show is by them then, too.
func (d *Difference) testClusters(r statistics.Clustered, freedom float64) {
	if r.Clusters < 2 {
		return
	}
	d.Clusters, d.ClusteredP = r.Clusters, statistics.StudentP(r.Value, r.Stderr, freedom)
	if stderr := r.Stderr * slope(d.Metric, math.Sqrt(d.A*d.B)); stderr > 0 && stderr < math.MaxFloat64 {
		d.ClusteredStderr = stderr
		d.show(statistics.Least(stderr, freedom), statistics.Needed(d.B-d.A, stderr, d.Documents))
	}
}

// groupPairs are the differences of the documents of a group, by task.
type groupPairs struct {
	pairs                 // of all tasks
	strata    [][]float64 // differences
	sizes     []int
	a, b, a2b []float64 // means of A, of B, and of the differences
}

// pairGroup returns false if the documents of a task are not the same, or give more than one value. Tasks
// that lack the metric are passed over, as in the group's own mean.
func pairGroup(a, b *Evaluation, group, metric string) (g groupPairs, same bool) {
	members := a.members(group)
	if !slices.Equal(members, b.members(group)) {
		return g, false
	}
	g.binary = true
	for _, task := range members {
		x, y := a.samples[task][metric], b.samples[task][metric]
		if len(x) == 0 && len(y) == 0 {
			continue
		}
		p, same := pair(x, y)
		if !same || p.nats || slices.ContainsFunc(p.weights, func(w float64) bool { return w != 1 }) {
			return g, false
		}
		g.binary, g.betterA, g.betterB = g.binary && p.binary, g.betterA+p.betterA, g.betterB+p.betterB
		g.strata, g.sizes = append(g.strata, p.values), append(g.sizes, len(p.values))
		meanA, meanB := meanValue(x), meanValue(y)
		g.a, g.b, g.a2b = append(g.a, meanA), append(g.b, meanB), append(g.a2b, meanB-meanA)
	}
	return g, len(g.strata) > 0
}

// meanValue is the mean of documents, in their order.
func meanValue(values map[int]sampleValue) float64 {
	total := 0.0
	for _, id := range slices.Sorted(maps.Keys(values)) {
		total += values[id].value
	}
	return total / float64(len(values))
}

// weights finds which of the harness's two means the group's values are: by documents, or of each task once. It returns
// false if they are neither.
func (g *groupPairs) weights(valueA, valueB float64) (weights []float64, once, ok bool) {
	for _, once = range []bool{false, true} {
		meanA, _ := weightedMean(g.a, g.sizes, once)
		meanB, _ := weightedMean(g.b, g.sizes, once)
		if math.Abs(meanA-valueA) < 1e-9 && math.Abs(meanB-valueB) < 1e-9 {
			for _, n := range g.sizes {
				if once {
					n = 1
				}
				weights = append(weights, float64(n))
			}
			return weights, once, true
		}
	}
	return nil, false, false
}

// pairedGroup tests the differences of the documents of all tasks of a group, with the group's weights. By
// document the tasks are what they are; by cluster, if there are enough of them, they are some of many subjects. It
// returns false, and tests nothing, if A and B were not asked the same documents.
func (d *Difference) pairedGroup(a, b *Evaluation) bool {
	g, same := pairGroup(a, b, d.Task, d.Metric)
	if !same {
		return false
	}
	weights, once, known := g.weights(d.A, d.B)
	if !known {
		return false
	}
	for _, n := range g.sizes {
		d.Documents += n
	}
	d.BetterA, d.BetterB = g.betterA, g.betterB
	mean, stderr := statistics.Stratified(g.strata, weights)
	if d.Stderr = stderr; g.binary && !once {
		d.testDiscordant()
	} else {
		d.Test, d.P = PairedZ, statistics.NormalP(mean, stderr)
		freedom := float64(max(d.Documents-len(g.sizes), 1))
		d.show(statistics.Least(stderr, freedom), statistics.Needed(mean, stderr, d.Documents))
	}
	if len(g.strata) >= fewestSubjects {
		d.testClusters(statistics.Uneven(g.a2b, weights))
	}
	return true
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
		d.show(statistics.Least(d.Stderr, float64(n-1)), statistics.Needed(d.B-d.A, d.Stderr, n))
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
