package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"math"
	"strings"
	"testing"
)

func labels(ticks []label) string {
	var out []string
	for _, t := range ticks {
		out = append(out, t.label)
	}
	return strings.Join(out, " ")
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 20000, "0 5k 10k 15k 20k"}, {2.1, 3.3, "2.5 3.0"}, {-1, 1, "-1.0 -0.5 0 0.5 1.0"},
		{0, 0.0031, "0 0.001 0.002 0.003"}, {0, 3e-5, "0 1e-5 2e-5 3e-5"}, {29400, 31200, "29.5k 30k 30.5k 31k"},
		{0, 1.3e9, "0 500M 1G"}, {1e20, 1e20 + 16384, ""},
	} {
		list := ticks(c.low, c.high, 5)
		if got := labels(list); got != c.want && c.want != "" {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
		for _, l := range list {
			if l.value < c.low || l.value > c.high {
				t.Errorf("%g to %g: a label at %g", c.low, c.high, l.value)
			}
		}
	}
}

func TestLogTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0.5, 70, "1 10 3 30"}, {2, 12, "2 3 5 7 10"}, {0.9e-4, 1.1e4, "1e-4 0.01 1 100 10k"}, {3.1, 3.9, "3.2 3.4 3.6 3.8"},
	} {
		list := logTicks(math.Log10(c.low), math.Log10(c.high), 5)
		got := map[string]bool{}
		for _, l := range list {
			got[l.label] = true
			if v := math.Pow(10, l.value); v < c.low*0.999 || v > c.high*1.001 {
				t.Errorf("%g to %g: a label at %g", c.low, c.high, v)
			}
		}
		for want := range strings.FieldsSeq(c.want) {
			if !got[want] || len(got) != len(strings.Fields(c.want)) {
				t.Errorf("%g to %g: %s, want %s", c.low, c.high, labels(list), c.want)
			}
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1234567: "1.235M", -1500: "-1.5k", 31000: "31k", 0.25: "0.2500", 2e-5: "2.000e-5", 999.9: "999.9"} {
		if got := Number(v); got != want {
			t.Errorf("%g: %q, want %q", v, got, want)
		}
	}
}

func TestThinKeepsSpikes(t *testing.T) {
	var points []Point
	for i := range 100000 {
		points = append(points, Point{float64(i), math.Sin(float64(i))})
	}
	points[54321].Y, points[777].Y = 50, -50
	got := Thin(points, 100)
	if len(got) > 404 || got[0] != points[0] || got[len(got)-1] != points[len(points)-1] {
		t.Errorf("%d points from %v to %v", len(got), got[0], got[len(got)-1])
	}
	high, low := false, false
	for i, p := range got {
		high, low = high || p == points[54321], low || p == points[777]
		if i > 0 && p.X <= got[i-1].X {
			t.Fatalf("point %d at %g after %g", i, p.X, got[i-1].X)
		}
	}
	if !high || !low {
		t.Error("a spike is lost")
	}
	if few := Thin(points[:400], 100); len(few) != 400 {
		t.Errorf("%d of 400 points", len(few))
	}
}

func TestChartLeavesOutWhatCannotBeDrawn(t *testing.T) {
	c := Chart{Log: true, Curves: []Curve{{Name: "a", Points: []Point{{1, 10}, {2, 0}, {3, math.NaN()}, {4, math.Inf(1)}, {5, -3}, {6, 1000}}}}}
	p := c.Picture()
	if got := strings.Count(p.Lines[0].Path, "L") + 1; got != 2 {
		t.Errorf("%q: want two points", p.Lines[0].Path)
	}
	if p.X0 != 1 || p.X1 != 6 || p.Y0 >= 1 || p.Y1 <= 3 {
		t.Errorf("range %g to %g by %g to %g: want 1 to 6 by the logarithms of 10 to 1000, with a margin", p.X0, p.X1, p.Y0, p.Y1)
	}
}

func TestChartMarksAndLegend(t *testing.T) {
	c := Chart{Curves: []Curve{{Name: "seen", Color: 9, Points: []Point{{0, 0}, {10, 1}}}, {Points: []Point{{0, 1}}}, {Name: "none"}}, Marks: []Mark{{5, "half"}, {11, "outside"}}}
	p := c.Picture()
	if len(p.Legend) != 1 || p.Legend[0].Name != "seen" || p.Legend[0].Color != 1 || p.Lines[1].Dots == "" {
		t.Errorf("legend %+v: want one entry, in the second colour", p.Legend)
	}
	if len(p.Marks) != 1 || p.Marks[0] != (Tick{50, "half"}) {
		t.Errorf("marks %+v", p.Marks)
	}
	if p.Y0 != 0 {
		t.Errorf("what begins at 0 is drawn from %g", p.Y0)
	}
}

func TestHeatMapImage(t *testing.T) {
	h := HeatMap{Rows: []string{"0", "1"}, Columns: []float64{1, 2, 3}, Values: [][]float64{{0, 5, 10}, {-1, math.NaN(), 11}}, Low: 0, High: 10}
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(h.Image()), "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, y  int
		shade int // in paletteHex; -1: transparent
	}{{0, 0, 0}, {1, 0, 127}, {2, 0, 254}, {0, 1, 0}, {1, 1, -1}, {2, 1, 254}} {
		r, g, b, a := m.At(c.x, c.y).RGBA()
		got := fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
		if c.shade < 0 && a != 0 || c.shade >= 0 && got != paletteHex[c.shade] {
			t.Errorf("pixel %d,%d is %s, want shade %d", c.x, c.y, got, c.shade)
		}
	}
	seen := map[string]bool{}
	for _, c := range paletteHex {
		seen[c] = true
	}
	if len(seen) != shades {
		t.Errorf("%d of %d colours are different: the page reads values back from them", len(seen), shades)
	}
	if got := (HeatMap{}).Image(); got == "" {
		t.Error("an empty map has no picture")
	}
}

func TestPage(t *testing.T) {
	p := Page{Title: "<T>", Lead: "lead", Chart: Chart{Title: "loss", Curves: []Curve{{Name: "a", Points: []Point{{0, 1}, {1, 2}}}}},
		Table: Table{Head: []string{"", "x"}, Rows: [][]string{{"row", "<1>"}}}, SampleTitle: "sample", Sample: "once"}
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>&lt;T&gt;</title>", "<b>loss</b>", "<td>&lt;1&gt;</td>", "<pre>once</pre>", "const palette = [", ":root"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestWriteText(t *testing.T) {
	var b strings.Builder
	if err := (Table{Head: []string{"", "graph"}, Rows: [][]string{{"loss", "2.5"}}}).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if want := "      graph\nloss  2.5\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestWriteTextPrintsNoControlCharacters(t *testing.T) {
	var b strings.Builder
	if err := (Table{Head: []string{"name"}, Rows: [][]string{{"a\x1b[2J\rb\tc\nd\u009b"}}}).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if want := "name\na\uFFFD[2J\uFFFDb\uFFFDc\uFFFDd\uFFFD\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
