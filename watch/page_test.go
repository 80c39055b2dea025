package watch

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trit/internal/report"
	"trit/internal/testutil"
	"trit/train/runlog"
)

func html(t *testing.T, o PageOptions, runs ...*Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WritePage(&b, o, runs...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// figure cuts out the chart or heat map with this title.
func figure(t *testing.T, page, title string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "<b>"+title+"</b>")
	if !found {
		t.Fatalf("the page has no figure %q", title)
	}
	out, _, _ := strings.Cut(rest, "</figure>")
	return out
}

// curve reads the points of a figure's first line back, in the units of the data.
func curve(t *testing.T, figure string) []report.Point {
	t.Helper()
	edge := func(name string) float64 {
		m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(figure)
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	x0, x1, y0, y1 := edge("data-x0"), edge("data-x1"), edge("data-y0"), edge("data-y1")
	path := regexp.MustCompile(`class="line[^>]* d="([^"]*)"`).FindStringSubmatch(figure)[1]
	var out []report.Point
	for p := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == 'M' || r == 'L' }) {
		var x, y float64
		if _, err := fmt.Sscan(p, &x, &y); err != nil {
			t.Fatal(err)
		}
		y = y1 - y/1000*(y1-y0)
		if strings.Contains(figure, "data-log") {
			y = math.Pow(10, y)
		}
		out = append(out, report.Point{X: x0 + x/1000*(x1-x0), Y: y})
	}
	return out
}

// The evaluation on all held-out data is a figure of its own and no point of the curve, which has
// the same batches throughout.
func TestPageKeepsAllHeldOutDataApart(t *testing.T) {
	r := open(t, append(slices.Clone(testutil.OldLog[:3]),
		`{"event":"eval_all","step":20,"tokens":2000,"loss":5.7,"perplexity":299,"bits_per_byte":2.2}`, "")...)
	page := html(t, PageOptions{}, r)
	for name, want := range map[string]string{"held-out loss": "5.6000", "loss on all held-out data": "5.7000",
		"bits per byte": "2.1000", "bits per byte of all of it": "2.2000"} {
		if !regexp.MustCompile("<t[hd]>" + name + "</t[hd]>\\s*<td>" + want + "</td>").MatchString(page) {
			t.Errorf("the table lacks %q with %s", name, want)
		}
	}
	if got := curve(t, figure(t, page, "Bits per byte, held out")); len(got) != 1 || math.Abs(got[0].Y-2.1) > 1e-3 {
		t.Errorf("the curve is %v, want 2.1 alone", got)
	}
	r.Events = append(r.Events, runlog.Event{Event: "step", Step: 30})
	if page := html(t, PageOptions{}, r); !strings.Contains(page, "5.7000 (at step 20)") {
		t.Error("a run that went on does not say when all of it was measured")
	}
}

// The page of a run that learns from pairs has their figures and none of texts.
func TestPageOfPreferences(t *testing.T) {
	line := func(event string, step int, loss, chosen, rejected, accuracy float64) string {
		return fmt.Sprintf(`{"event":%q,"step":%d,"tokens":%d,"loss":%g,"grad_norm":1,"preference":`+
			`{"reward_chosen":%g,"reward_rejected":%g,"margin":%g,"accuracy":%g}}`, event, step, 100*step, loss, chosen, rejected,
			chosen-rejected, accuracy)
	}
	page := html(t, PageOptions{}, open(t, line("step", 10, 0.69, -0.25, -0.5, 0.5), line("step", 20, 0.5, 0.5, -1, 0.75),
		line("eval", 20, 0.55, 0.25, -0.75, 0.875), line("eval_all", 20, 0.56, 0.25, -0.75, 0.9), ""))
	for title, want := range map[string][]float64{"Loss, nats a pair": {0.69, 0.5}, "Pairs preferred, %": {50, 75},
		"Pairs preferred, held out, %": {87.5}, "Reward of chosen texts": {-0.25, 0.5}, "Reward of rejected texts": {-0.5, -1},
		"Margin between rewards": {0.25, 1.5}, "Margin between rewards, held out": {1}} {
		got := curve(t, figure(t, page, title))
		for i := range want {
			if len(got) != len(want) || math.Abs(got[i].Y-want[i]) > 2e-3*math.Abs(want[i]) {
				t.Errorf("%s: %v, want %v", title, got, want)
				break
			}
		}
	}
	if !strings.Contains(page, "<td>87.5 %</td>") || strings.Contains(page, "perplexity") || strings.Contains(page, "per byte") {
		t.Error("the table lacks the share of held-out pairs, or has figures of texts")
	}
}

func TestPageShowsTheFigures(t *testing.T) {
	r := open(t, testutil.OldLog...)
	r.MaxSteps = 40
	page := html(t, PageOptions{}, r)
	for _, want := range []string{"20 of 40", "270.0000", "2.1000", "32.0 %", "375", "6s"} {
		if !strings.Contains(page, "<td>"+want+"</td>") {
			t.Errorf("the table lacks %q", want)
		}
	}
	for title, want := range map[string][]report.Point{
		"Loss, nats a token": {{X: 10, Y: 6.5}, {X: 20, Y: 5.5}}, "Learning rate": {{X: 10, Y: 0.001}, {X: 20, Y: 0.002}},
		"Gradient norm": {{X: 10, Y: 2}, {X: 20, Y: 1}}, "Weight decay": {{X: 10, Y: 0.1}, {X: 20, Y: 0.1}}, "Tokens a second": {{X: 10, Y: 500}, {X: 20, Y: 250}},
		"Bits per byte, held out": {{X: 20, Y: 2.1}},
	} {
		got := curve(t, figure(t, page, title))
		for i := range want {
			if len(got) != len(want) || math.Abs(got[i].X-want[i].X) > 0.01 || math.Abs(got[i].Y/want[i].Y-1) > 1e-4 {
				t.Errorf("%s: %v, want %v", title, got, want)
				break
			}
		}
	}
	for _, absent := range []string{"utilisation", "Layers", "Settings", "What happened", "setInterval", "<td>last line"} {
		if strings.Contains(page, absent) {
			t.Errorf("the page of an old log has %q", absent)
		}
	}
	if got := curve(t, figure(t, html(t, PageOptions{Axis: TokensAxis}, r), "Learning rate")); math.Abs(got[1].X-2000) > 0.1 {
		t.Errorf("over tokens: %v, want the second point at 2000", got)
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	page := html(t, PageOptions{Refresh: time.Second}, layered(3))
	for _, m := range regexp.MustCompile(`(?:src|href|url|action)\s*[=(]\s*"?([^"\s)]*)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "data:image/png;base64,") {
			t.Errorf("the page refers to %q", m[1])
		}
	}
	if strings.Contains(page, "://") || strings.Contains(page, "@import") {
		t.Error("the page has an address")
	}
	if !strings.Contains(page, "setInterval") || !strings.Contains(page, `content="1"`) {
		t.Error("a live page does not ask for itself again")
	}
	for _, tag := range []string{"figure", "div", "table", "details", "svg", "ul", "main", "script", "style"} {
		if a, b := len(regexp.MustCompile(`<`+tag+`[\s>]`).FindAllString(page, -1)), strings.Count(page, "</"+tag+">"); a != b || tag != "ul" && a == 0 {
			t.Errorf("%d <%s>, %d </%s>", a, tag, b, tag)
		}
	}
}

func TestPageEscapesWhatRunsSay(t *testing.T) {
	r := open(t, `{"event":"<script>alert(1)</script>","step":1,"note":"<img onerror=x>"}`,
		`{"event":"step","step":2,"loss":1,"layers":[{"name":"model.layers.0.\"><script>x","zero":1}]}`, "")
	r.Name, r.Settings = "<b>run", map[string]string{"<i>": "<u>"}
	page := html(t, PageOptions{}, r)
	for _, bad := range []string{"<script>alert", "<img onerror", "<b>run", "<i>", "<u>", `"><script>x`} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is not escaped", bad)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("an event of another kind is not shown")
	}
}

// layered is a run with n lists of three layers of two projections: the share of zeros of
// layer l of q_proj in list i is (10 l + i) / 100.
func layered(n int) *Run {
	r := &Run{Run: runlog.Run{Name: "layered"}}
	for i := range n {
		e := runlog.Event{Event: "step", Step: 100 * (i + 1), Loss: 3, LR: 1}
		for l := range 3 {
			e.Layers = append(e.Layers, runlog.LayerStats{Name: fmt.Sprintf("model.layers.%d.self_attn.q_proj.weight", l), Zero: float64(10*l+i) / 100, Scale: 1, Flips: 1},
				runlog.LayerStats{Name: fmt.Sprintf("model.layers.%d.mlp.up_proj.weight", l), Zero: 0.5, Scale: 2, Flips: 1, AbsMax: float(float32(l))})
		}
		r.Events = append(r.Events, e)
	}
	return r
}

func TestHeatMaps(t *testing.T) {
	s, ok := layersOf("layered", layered(4))
	if !ok || len(s.Groups) != len(measures) || len(s.Now.Rows) != 6 {
		t.Fatalf("%+v", s)
	}
	zeros := s.Groups[1]
	if len(zeros.Maps) != 2 || !zeros.Shared || fmt.Sprint(zeros.Maps[0].Rows, zeros.Maps[0].Columns, zeros.Maps[0].Low, zeros.Maps[1].High) != "[0 1 2] [100 200 300 400] 0 50" {
		t.Errorf("zeros: %+v", zeros)
	}
	for l, row := range zeros.Maps[0].Values {
		for i, v := range row {
			if math.Abs(v-float64(10*l+i)) > 1e-9 {
				t.Errorf("layer %d, list %d: %g", l, i, v)
			}
		}
	}
	if last := s.Groups[5]; len(last.Maps) != 1 || last.Maps[0].Title != "up_proj" || last.Maps[0].High != 2 {
		t.Errorf("largest activations: %+v: want those of up_proj alone", last)
	}
	long, _ := layersOf("", layered(10*maxColumns-3))
	m := long.Groups[1].Maps[0]
	if len(m.Columns) != maxColumns || m.Columns[maxColumns-1] != 100*(10*maxColumns-3) || math.Abs(m.Values[0][0]-4.5) > 1e-9 {
		t.Errorf("%d columns to step %g, the first %g: want %d, with the mean of ten lists", len(m.Columns), m.Columns[len(m.Columns)-1], m.Values[0][0], maxColumns)
	}
	src := regexp.MustCompile(`<img src="data:image/png;base64,([^"]*)"`).FindStringSubmatch(html(t, PageOptions{}, layered(4)))
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(src[1], "&#43;", "+"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := png.Decode(bytes.NewReader(b)); err != nil || p.Bounds().Dx() != 4 || p.Bounds().Dy() != 3 {
		t.Errorf("the picture in the page: %v", err)
	}
}

func TestSeveralRunsAreCompared(t *testing.T) {
	a, b := open(t, testutil.OldLog...), open(t, testutil.OldLog...)
	a.Settings, b.Settings = map[string]string{"seed": "1", "alpha": "2"}, map[string]string{"seed": "7", "alpha": "2"}
	page := html(t, PageOptions{}, a, b)
	for _, want := range []string{"<th>r</th><th>r (2)</th>", ">r (2), held out</span>", "<td>seed</td><td>1</td><td>7</td>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Index(page, "<td>seed</td>") > strings.Index(page, "<td>alpha</td>") {
		t.Error("what differs does not come first")
	}
}

func TestNoisyCurvesAreSmoothed(t *testing.T) {
	r := &Run{}
	for i := range 1000 {
		r.Events = append(r.Events, runlog.Event{Event: "step", Step: i, Loss: 3 + float64(i%2), LR: 1})
	}
	loss := figure(t, html(t, PageOptions{}, r), "Loss, nats a token")
	if strings.Count(loss, `class="line`) != 3 || !strings.Contains(loss, "smooth") {
		t.Error("no smooth line")
	}
	for i, p := range smooth(r.points(StepAxis, r.Events, func(e runlog.Event) float64 { return e.Loss }), 10) {
		if want := 3.5; i >= 10 && i < 990 && math.Abs(p.Y-want) > 0.5/20 {
			t.Fatalf("point %d is %g: want about %g", i, p.Y, want)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add(strings.Join(testutil.OldLog, "\n"))
	f.Add(`{"event":"step","step":5,"loss":1e308,"grad_norm":-1e308,"tokens":-9223372036854775808,"layers":[{"name":"model.layers.1.q.weight","zero":1e308,"scale":-3e38,"absmax":0}]}` + "\n")
	f.Add(`{"event":"step","step":5,"loss":2}` + "\n" + `{"event":"step","step":6,"loss":2.0000000000000004,"time":1e300}` + "\n")
	f.Fuzz(func(t *testing.T, log string) {
		read, err := runlog.Read("r", []byte(log))
		if err != nil {
			return
		}
		r := &Run{Run: *read}
		for i := 1; i < len(r.Events); i++ {
			if r.Events[i].Step < r.Events[i-1].Step {
				t.Fatalf("step %d after step %d", r.Events[i].Step, r.Events[i-1].Step)
			}
		}
		for _, axis := range []string{StepAxis, TokensAxis} {
			if err := WritePage(io.Discard, PageOptions{Axis: axis}, r, r); err != nil {
				t.Fatal(err)
			}
		}
	})
}
