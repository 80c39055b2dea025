package seeds

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
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
	list := Of([]uint32{1234, 1, 2}, reports)
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	s := list[0]
	for _, c := range []struct{ got, want float64 }{{s.Mean, 0.6}, {s.Deviation, 0.1}, {s.Stderr, math.Sqrt((0.0025 + 0.0036 + 0.0049) / 3)}} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%+v: %g, want %g", s, c.got, c.want)
		}
	}
	table := Table(list).Markdown()
	if !strings.Contains(table, "| x | acc | 0.5000 | 0.6000 | 0.7000 | 0.6000 | ± 0.1000 | ± 0.0606 |") {
		t.Error(table)
	}
}

// What is written is read back, from the folder and from a file in it, and other tasks' spreads stay.
func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	if list, err := Read(dir); list != nil || err != nil {
		t.Errorf("%v, %v of an empty folder", list, err)
	}
	spread := func(task string, scores ...float64) Spread {
		return Spread{Task: task, Metric: "acc,none", Seeds: []uint32{1, 2}, Scores: scores, Mean: 0.5}
	}
	for _, list := range [][]Spread{{spread("x", 0.1, 0.2), spread("y", 0.3, 0.4)}, {spread("z", 0.5, 0.6), spread("x", 0.7, 0.8)}} {
		if err := Write(dir, list); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "results.json")
	if err := os.WriteFile(file, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []Spread{spread("z", 0.5, 0.6), spread("x", 0.7, 0.8), spread("y", 0.3, 0.4)}
	for _, path := range []string{dir, file} {
		if got, err := Read(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	for _, text := range []string{"{", `{"spreads": [{"task": "x", "metric": "acc,none", "seeds": [1, 2], "scores": [0.5]}]}`} {
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), FileName) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// Scores are paired by seed, whatever the order; of three differences 0.1, 0.2 and 0.3 t is 2*sqrt(3).
func TestCompare(t *testing.T) {
	a := []Spread{{Task: "x", Metric: "acc,none", Seeds: []uint32{1, 2, 3}, Scores: []float64{0.1, 0.2, 0.3}}, {Task: "y", Metric: "acc,none", Seeds: []uint32{1, 2}, Scores: []float64{0, 0}}}
	b := []Spread{{Task: "x", Metric: "acc,none", Seeds: []uint32{3, 2, 9, 1}, Scores: []float64{0.6, 0.4, 0, 0.2}}, {Task: "y", Metric: "acc,none", Seeds: []uint32{2, 3}, Scores: []float64{0, 0}}}
	list := Compare(a, b)
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	d, x := list[0], 2*math.Sqrt(3)
	p := 1 - x/math.Sqrt(2+x*x) // Student's of two degrees of freedom
	if math.Abs(d.A-0.2) > 1e-12 || math.Abs(d.B-0.4) > 1e-12 || math.Abs(d.Stderr-0.1/math.Sqrt(3)) > 1e-12 || math.Abs(d.P-p) > 1e-9 {
		t.Errorf("%+v, want p %g", d, p)
	}
	if text := CompareTable(list).Markdown(); !strings.Contains(text, "| x | acc | 3 | 0.2000 | 0.4000 | +0.2000 | 0.0577 | 0.0742 |") {
		t.Error(text)
	}
}
