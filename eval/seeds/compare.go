package seeds

import (
	"fmt"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/statistics"
)

// Difference is how two models differ on the mean of seeds that both were asked with. P is what draws of examples
// alone make of it, with the same documents.
type Difference struct {
	Task   string   `json:"task"`
	Metric string   `json:"metric"`
	Seeds  []uint32 `json:"seeds"` // that both have
	A      float64  `json:"a"`     // means
	B      float64  `json:"b"`
	Stderr float64  `json:"stderr"` // of B-A: of the differences by seed
	P      float64  `json:"p"`      // Student's
}

// Compare pairs the scores of two models by seed, of all metrics for which they have two seeds or more in common.
func Compare(a, b []Spread) (list []Difference) {
	for _, x := range a {
		i := slices.IndexFunc(b, x.same)
		if i < 0 {
			continue
		}
		y := b[i]
		d := Difference{Task: x.Task, Metric: x.Metric}
		var differences []float64
		for k, seed := range x.Seeds {
			if j := slices.Index(y.Seeds, seed); j >= 0 {
				d.Seeds = append(d.Seeds, seed)
				d.A, d.B = d.A+x.Scores[k], d.B+y.Scores[j]
				differences = append(differences, y.Scores[j]-x.Scores[k])
			}
		}
		n := float64(len(differences))
		if n < 2 {
			continue
		}
		mean, stderr := statistics.Mean(differences)
		d.A, d.B, d.Stderr, d.P = d.A/n, d.B/n, stderr, statistics.StudentP(mean, stderr, n-1)
		list = append(list, d)
	}
	return list
}

// CompareTable shows differences.
func CompareTable(list []Difference) eval.Table {
	t := eval.Table{Columns: []string{"task", "metric", "seeds", "mean of A", "mean of B", "B - A", "stderr", "p"}}
	for _, d := range list {
		t.Rows = append(t.Rows, []string{
			d.Task, strings.TrimSuffix(d.Metric, ",none"), fmt.Sprint(len(d.Seeds)), fmt.Sprintf("%.4f", d.A),
			fmt.Sprintf("%.4f", d.B), fmt.Sprintf("%+.4f", d.B-d.A), fmt.Sprintf("%.4f", d.Stderr), fmt.Sprintf("%.3g", d.P),
		})
	}
	return t
}
