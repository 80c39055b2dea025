package paper

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/statistics"
	"trit/internal/report"
)

// row is a metric of a task, of all models.
type row struct {
	Task, Metric, Shots, Documents string
	Higher                         bool // is better
	Scores                         []score
}

// score is what a model has.
type score struct {
	Value, Stderr float64 // NaN if there is none
	Low, High     float64 // of the interval; Value without an error
}

// String is the score as tables show it.
func (s score) String() string {
	switch {
	case math.IsNaN(s.Value):
		return "–"
	case math.IsNaN(s.Stderr):
		return fmt.Sprintf("%.4f", s.Value)
	}
	return fmt.Sprintf("%.4f ± %.4f [%.4f, %.4f]", s.Value, s.Stderr, s.Low, s.High)
}

func rows(all []*eval.Evaluation) (list []row) {
	keys := map[string]map[string]bool{}
	for _, e := range all {
		for task, metrics := range e.Results() {
			for metric := range metrics {
				if !strings.Contains(metric, "_stderr,") {
					if keys[task] == nil {
						keys[task] = map[string]bool{}
					}
					keys[task][metric] = true
				}
			}
		}
	}
	for _, task := range slices.Sorted(maps.Keys(keys)) {
		for _, metric := range slices.Sorted(maps.Keys(keys[task])) {
			list = append(list, newRow(all, task, metric))
		}
	}
	return list
}

func newRow(all []*eval.Evaluation, task, metric string) row {
	r := row{Task: task, Metric: strings.TrimSuffix(metric, ",none")}
	name, _, _ := strings.Cut(metric, ",")
	r.Higher = eval.Metric(name).HigherIsBetter()
	var shots, documents []string
	for _, e := range all {
		r.Scores = append(r.Scores, newScore(e, task, metric))
		shots, documents = note(shots, e.Shots(task)), note(documents, e.Documents(task))
	}
	r.Shots, r.Documents = strings.Join(shots, " / "), strings.Join(documents, " / ")
	return r
}

// note adds what results say, once where all say the same.
func note(list []string, v any) []string {
	if v == nil || slices.Contains(list, fmt.Sprint(v)) {
		return list
	}
	return append(list, fmt.Sprint(v))
}

func newScore(e *eval.Evaluation, task, metric string) score {
	none := math.NaN()
	value, ok := e.Results()[task][metric]
	if !ok {
		return score{none, none, none, none}
	}
	name, filter, _ := strings.Cut(metric, ",")
	s := score{value, none, value, value}
	if stderr, ok := e.Results()[task][name+"_stderr,"+filter]; ok {
		half := statistics.Normal(0.975) * stderr
		s.Stderr, s.Low, s.High = stderr, value-half, value+half
	}
	if errors := e.Errors(task); errors.Tasks && errors.Stderr[metric] > 0 {
		stderr := errors.Stderr[metric]
		i := statistics.Around(value, stderr, 1+int(math.Round(errors.Freedom)), 0.95)
		return score{value, stderr, i.Low, i.High}
	}
	values, clusters := e.Values(task, metric)
	if len(values) < 2 {
		return s
	}
	c := statistics.ClusteredMean(values, clusters)
	if c.Clusters < 2 {
		return s
	}
	i := statistics.Around(value, c.Stderr, c.Clusters, 0.95)
	switch binary := !slices.ContainsFunc(values, func(v float64) bool { return v != 0 && v != 1 }); {
	case binary && c.Clusters == len(values):
		i = statistics.Wilson(value, float64(len(values)), 0.95)
	case binary:
		i = statistics.ClusteredShare(value, c.Stderr, c.Clusters, 0.95)
	}
	s.Stderr, s.Low, s.High = c.Stderr, i.Low, i.High
	return s
}

// figure is bars of one metric, a group of them for each task.
type figure struct {
	Metric string
	Most   string // the value at the right edge
	Groups []group
}

type group struct {
	Task string
	Bars []bar
}

// bar is a model's bar, in percent of the width.
type bar struct {
	Model            string
	Color            int
	Value            string
	Width, Low, Span float64
}

func figures(models []string, all []row) (list []figure) {
	byMetric, order := map[string][]row{}, []string{}
	for _, r := range all {
		if byMetric[r.Metric] == nil {
			order = append(order, r.Metric)
		}
		byMetric[r.Metric] = append(byMetric[r.Metric], r)
	}
	for _, metric := range order {
		most := 0.0
		for _, r := range byMetric[metric] {
			for _, s := range r.Scores {
				if s.High > most && s.High < math.MaxFloat64 {
					most = s.High
				}
			}
			if r.Higher && most <= 1 {
				most = 1
			}
		}
		if most == 0 {
			continue
		}
		f := figure{Metric: metric, Most: report.Number(most)}
		for _, r := range byMetric[metric] {
			f.Groups = append(f.Groups, group{r.Task, bars(models, r, most)})
		}
		list = append(list, f)
	}
	return list
}

func bars(models []string, r row, most float64) (list []bar) {
	percent := func(v float64) float64 { return math.Round(min(max(v/most, 0), 1)*1e4) / 100 }
	for i, s := range r.Scores {
		if !math.IsNaN(s.Value) {
			low := percent(s.Low)
			list = append(list, bar{models[i], i % report.Colors, s.String(), percent(s.Value), low, percent(s.High) - low})
		}
	}
	return list
}

// heat is a map of the tasks of one family, such as the subjects of mmlu, by model.
type heat struct {
	Title  string
	Models []string
	Rows   []row
}

// fewest is the number of tasks from which on a family has a map.
const fewest = 5

// heats are the maps of families: tasks whose names begin alike, up to the first underscore.
func heats(models []string, all []row) (list []heat) {
	families, order := map[string][]row{}, []string{}
	for _, r := range all {
		name, _, inFamily := strings.Cut(r.Task, "_")
		if !inFamily || !r.Higher {
			continue
		}
		if name += ": " + r.Metric; families[name] == nil {
			order = append(order, name)
		}
		families[name] = append(families[name], r)
	}
	for _, name := range order {
		if len(families[name]) >= fewest {
			list = append(list, heat{name, models, families[name]})
		}
	}
	return list
}

func (h heat) table() report.Table {
	t := report.Table{Head: append([]string{"task"}, h.Models...)}
	for _, r := range h.Rows {
		line := []string{r.Task}
		for _, s := range r.Scores {
			line = append(line, s.Short())
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// Short is the value alone.
func (s score) Short() string {
	if math.IsNaN(s.Value) {
		return "–"
	}
	return fmt.Sprintf("%.3f", s.Value)
}

// Shade is how dark the cell of a share is, in percent.
func (s score) Shade() int {
	if math.IsNaN(s.Value) {
		return 0
	}
	return int(min(max(s.Value, 0), 1) * 70)
}
