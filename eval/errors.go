package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"trit/eval/statistics"
)

// Errors are standard errors of a task that the harness does not give: by cluster, and of
// perplexities.
type Errors struct {
	Clusters int                `json:"clusters"`          // of documents; their number where none belong together
	Tasks    bool               `json:"tasks,omitempty"`   // the clusters are the tasks of a group
	Freedom  float64            `json:"freedom,omitempty"` // degrees of freedom of a group's errors
	Stderr   map[string]float64 `json:"stderr"`            // by metric, "acc,none"
}

// errors computes the standard errors that the harness does not give: by cluster, of perplexities, and of values
// of which a document gives several.
func (o *outcome) errors() Errors {
	e := Errors{Stderr: map[string]float64{}}
	clustered := slices.ContainsFunc(o.questions, func(q question) bool { return q.cluster != "" })
	if !clustered && o.Kind != Rolling && len(o.Answers.Metrics) == 0 {
		return e
	}
	columns := map[string]*column{}
	for i := range o.samples {
		s := &o.samples[i]
		for _, v := range s.values {
			name := v.Name + "," + s.filter
			if columns[name] == nil {
				columns[name] = &column{}
			}
			columns[name].add(newSampleValue(v.Value, "", s.question.cluster))
		}
	}
	for name, c := range columns {
		metric, filter, _ := strings.Cut(name, ",")
		if _, has := o.metrics[resultName{Metric(metric), filter}.stderr()]; has && !clustered && o.Task.Tokens != nil {
			continue // by the same formula
		}
		r := statistics.Ratio(c.values, c.weights, c.clusters)
		e.Clusters = r.Clusters
		if v := r.Stderr * slope(name, o.metrics[name]); v < math.MaxFloat64 { // nor NaN, of one cluster
			e.Stderr[name] = v
		}
	}
	return e
}

// column is one metric of all documents.
type column struct {
	values, weights []float64
	clusters        []string
}

func (c *column) add(v sampleValue) {
	c.values, c.weights, c.clusters = append(c.values, v.value), append(c.weights, v.weight), append(c.clusters, v.cluster)
}

// slope is how much a metric changes with the ratio of which it is a function, at its value: the mean of the
// documents itself, or log-likelihoods by words or bytes.
func slope(name string, value float64) float64 {
	metric, _, _ := strings.Cut(name, ",")
	switch Metric(metric) {
	case WordPerplexity, BytePerplexity, Perplexity:
		return value
	case BitsPerByte:
		return 1 / math.Ln2
	}
	return 1
}

func (e Errors) line() string {
	var parts []string
	for _, name := range sortedKeys(e.Stderr) {
		parts = append(parts, fmt.Sprintf("%s ± %.4f", strings.TrimSuffix(name, ",none"), e.Stderr[name]))
	}
	what := "clusters of documents"
	if e.Tasks {
		what = "tasks"
	}
	return fmt.Sprintf("standard errors by %d %s: %s", e.Clusters, what, strings.Join(parts, ", "))
}
