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
	Seeds  []uint32  `json:"seeds"`
	Scores []float64 `json:"scores"` // by seed
	Mean   float64   `json:"mean"`
	// Deviation is the sample standard deviation between the seeds.
	Deviation float64 `json:"deviation"`
	// Stderr is the standard error by document of one seed: the root of the mean of their squares;
	// 0 if there is none.
	Stderr float64 `json:"stderr"`
}

// Of compares the results of a model, one report for each seed, of the tasks that all of them have.
func Of(seeds []uint32, reports []*eval.Report) (list []Spread) {
	var all []map[string]eval.Metrics
	for _, r := range reports {
		all = append(all, r.AllResults())
	}
	for _, task := range slices.Sorted(maps.Keys(all[0])) {
		for _, metric := range slices.Sorted(maps.Keys(all[0][task])) {
			if strings.Contains(metric, "_stderr,") {
				continue
			}
			if s, ok := spread(all, task, metric); ok {
				s.Seeds = seeds
				list = append(list, s)
			}
		}
	}
	return list
}

func spread(all []map[string]eval.Metrics, task, metric string) (Spread, bool) {
	s := Spread{Task: task, Metric: metric}
	name, filter, _ := strings.Cut(metric, ",")
	squares := 0.0
	for _, results := range all {
		v, ok := results[task][metric]
		if !ok {
			return s, false
		}
		s.Scores = append(s.Scores, v)
		stderr := results[task][name+"_stderr,"+filter]
		squares += stderr * stderr / float64(len(all))
	}
	s.Stderr = math.Sqrt(squares)
	mean, stderr := statistics.Mean(s.Scores)
	s.Mean, s.Deviation = mean, stderr*math.Sqrt(float64(len(s.Scores)))
	return s, len(s.Scores) > 1
}

// Table shows the scores of each seed.
func Table(list []Spread) eval.Table {
	t := eval.Table{Columns: []string{"task", "metric"}}
	var seeds []uint32 // of all rows
	for _, s := range list {
		for _, seed := range s.Seeds {
			if !slices.Contains(seeds, seed) {
				seeds = append(seeds, seed)
				t.Columns = append(t.Columns, fmt.Sprintf("seed %d", seed))
			}
		}
	}
	t.Columns = append(t.Columns, "mean", "between seeds", "by document")
	for _, s := range list {
		row := []string{s.Task, strings.TrimSuffix(s.Metric, ",none")}
		for _, seed := range seeds {
			cell := ""
			if i := slices.Index(s.Seeds, seed); i >= 0 {
				cell = fmt.Sprintf("%.4f", s.Scores[i])
			}
			row = append(row, cell)
		}
		row = append(row, fmt.Sprintf("%.4f", s.Mean), fmt.Sprintf("± %.4f", s.Deviation), "")
		if s.Stderr > 0 {
			row[len(row)-1] = fmt.Sprintf("± %.4f", s.Stderr)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
