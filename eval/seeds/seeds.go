// Package seeds says how much the scores of a model depend on the draw of few-shot examples.
package seeds

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/statistics"
)

// Spread is a metric of a task with the examples of several seeds.
type Spread struct {
	Task   string    `json:"task"`
	Metric string    `json:"metric"` // "acc,none"
	Scores []float64 `json:"scores"` // by seed
	Mean   float64   `json:"mean"`
	// Deviation is the sample standard deviation between the seeds.
	Deviation float64 `json:"deviation"`
	// Stderr is the standard error by document of one seed: the root of the mean of their squares;
	// 0 if there is none.
	Stderr float64 `json:"stderr"`
}

// Of compares the results of a model, one report for each seed, of the tasks that all of them have.
func Of(reports []*eval.Report) (list []Spread) {
	first := reports[0].Results
	for _, task := range slices.Sorted(maps.Keys(first)) {
		for _, metric := range slices.Sorted(maps.Keys(first[task])) {
			if strings.Contains(metric, "_stderr,") {
				continue
			}
			if s, ok := spread(reports, task, metric); ok {
				list = append(list, s)
			}
		}
	}
	return list
}

func spread(reports []*eval.Report, task, metric string) (Spread, bool) {
	s := Spread{Task: task, Metric: metric}
	name, filter, _ := strings.Cut(metric, ",")
	squares := 0.0
	for _, r := range reports {
		v, ok := r.Results[task][metric]
		if !ok {
			return s, false
		}
		s.Scores = append(s.Scores, v)
		stderr := r.Results[task][name+"_stderr,"+filter]
		squares += stderr * stderr / float64(len(reports))
	}
	s.Stderr = math.Sqrt(squares)
	mean, stderr := statistics.Mean(s.Scores)
	s.Mean, s.Deviation = mean, stderr*math.Sqrt(float64(len(s.Scores)))
	return s, len(s.Scores) > 1
}

// Table shows the scores of each seed.
func Table(seeds []uint32, list []Spread) eval.Table {
	t := eval.Table{Columns: []string{"task", "metric"}}
	for _, seed := range seeds {
		t.Columns = append(t.Columns, fmt.Sprintf("seed %d", seed))
	}
	t.Columns = append(t.Columns, "mean", "between seeds", "by document")
	for _, s := range list {
		row := []string{s.Task, strings.TrimSuffix(s.Metric, ",none")}
		for _, v := range append(slices.Clone(s.Scores), s.Mean) {
			row = append(row, fmt.Sprintf("%.4f", v))
		}
		row = append(row, fmt.Sprintf("± %.4f", s.Deviation), "")
		if s.Stderr > 0 {
			row[len(row)-1] = fmt.Sprintf("± %.4f", s.Stderr)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
