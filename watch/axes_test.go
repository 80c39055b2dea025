package watch

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"trit/train/runlog"
)

// logOf makes a run of lines of a log.
func logOf(t *testing.T, name string, lines ...string) *Run {
	t.Helper()
	log, err := runlog.Read(name, []byte(strings.Join(lines, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return &Run{Run: *log}
}

// Curves lie over what their axis says; a log from before it held the time has the time of its steps.
func TestAxes(t *testing.T) {
	now := logOf(t, "now",
		`{"event":"step","step":10,"tokens":1000,"loss":5,"lr":0.1,"seconds":60,"flops":100,"memory":2000000000}`,
		`{"event":"step","step":20,"tokens":2000,"loss":4,"lr":0.2,"seconds":240,"flops":200,"memory":3000000000}`)
	before := logOf(t, "before",
		`{"event":"step","step":10,"tokens":1000,"loss":5,"lr":0.1,"tokens_per_second":50}`,
		`{"event":"step","step":20,"tokens":2000,"loss":4,"lr":0.2,"tokens_per_second":25}`)
	for axis, want := range map[string][2]float64{StepAxis: {10, 20}, TokensAxis: {1000, 2000}, TimeAxis: {1, 4},
		FLOPsAxis: {100, 200}} {
		got := curve(t, figure(t, html(t, PageOptions{Axis: axis}, now), "Learning rate"))
		for i, x := range want {
			if math.Abs(got[i].X-x) > 1e-3*x {
				t.Errorf("%s: point %d at %g, want %g", axis, i, got[i].X, x)
			}
		}
	}
	if x := before.x(TimeAxis, before.Events[1]); x != 1 {
		t.Errorf("an older log ends after %g minutes, want 1", x)
	}
	page := html(t, PageOptions{}, before)
	if strings.Contains(page, "over-FLOPs") || !strings.Contains(page, `id="over-step" checked`) {
		t.Error("the page offers an axis that the log does not have, or begins with another")
	}
	if !strings.Contains(html(t, PageOptions{}, now), "<td>3.00 GB</td>") {
		t.Error("the table lacks the memory")
	}
}

// The page has the newest samples in front, as text.
func TestSamples(t *testing.T) {
	r := logOf(t, "r", `{"event":"step","step":10,"tokens":1000,"loss":5}`,
		`{"event":"sample","step":10,"tokens":1000,"loss":0,"prompt":"A","text":" first"}`,
		`{"event":"sample","step":20,"tokens":1000,"loss":0,"prompt":"A","text":" lost"}`,
		`{"event":"sample","step":20,"tokens":1000,"loss":0,"prompt":"A","text":" <b>second"}`,
		`{"event":"sample","step":20,"tokens":1000,"loss":0,"prompt":"B","text":" third"}`)
	page := html(t, PageOptions{}, r)
	second, first := strings.Index(page, "<b>A</b> &lt;b&gt;second"), strings.Index(page, "<b>A</b> first")
	third := strings.Index(page, "<b>B</b> third")
	if second < 0 || first < second || third < second || third > first || strings.Contains(page, "lost") || len(r.Notes) > 0 {
		t.Errorf("samples at %d, %d, %d; notes %v", second, third, first, r.Notes)
	}
}

func TestCSV(t *testing.T) {
	a := logOf(t, "a,b", `{"event":"step","step":10,"tokens":1000,"loss":5.25,"lr":0.1,"seconds":60,"preference":{"margin":0.5}}`,
		`{"event":"eval","step":10,"tokens":1000,"loss":4.5,"bits_per_byte":1.5}`)
	var b bytes.Buffer
	if err := WriteCSV(&b, a, a); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) != 5 {
		t.Fatal(lines, err)
	}
	row := map[string]string{}
	for i, name := range lines[0] {
		row[name] = lines[1][i]
		if lines[4][i] == "1.5" && name != "bits_per_byte" {
			t.Errorf("%s is 1.5", name)
		}
	}
	for name, want := range map[string]string{"run": "a,b", "event": "step", "step": "10", "tokens": "1000", "loss": "5.25",
		"seconds": "60", "margin": "0.5", "mfu": ""} {
		if row[name] != want {
			t.Errorf("%s is %q, want %q", name, row[name], want)
		}
	}
	if lines[4][0] != "a,b (2)" {
		t.Errorf("the second run is %q", lines[4][0])
	}
}
