package seeds

import (
	"math"
	"strings"
	"testing"

	"trit/eval"
)

func TestSpread(t *testing.T) {
	var reports []*eval.Report
	for _, acc := range []float64{0.5, 0.6, 0.7} {
		reports = append(reports, &eval.Report{Results: map[string]eval.Metrics{"x": {"acc,none": acc, "acc_stderr,none": acc / 10}}})
	}
	reports[0].Results["y"] = eval.Metrics{"acc,none": 1} // draws nothing: the first seed alone asks it
	list := Of(reports)
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	s := list[0]
	for _, c := range []struct{ got, want float64 }{{s.Mean, 0.6}, {s.Deviation, 0.1}, {s.Stderr, math.Sqrt((0.0025 + 0.0036 + 0.0049) / 3)}} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%+v: %g, want %g", s, c.got, c.want)
		}
	}
	table := Table([]uint32{1234, 1, 2}, list).Markdown()
	if !strings.Contains(table, "| x | acc | 0.5000 | 0.6000 | 0.7000 | 0.6000 | ± 0.1000 | ± 0.0606 |") {
		t.Error(table)
	}
}
